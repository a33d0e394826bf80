-- The audit page offers every action that was ever recorded; each is found by this, not by reading the whole table.
CREATE INDEX audit_action ON audit (action);
