-- The tenant that the account had when it gave the label up: its names are verified there, so the label is reserved for the
-- account with this tenant. Empty where it had none, or where that was not kept yet.
ALTER TABLE given_up_labels ADD COLUMN tenant_id TEXT NOT NULL DEFAULT '';
