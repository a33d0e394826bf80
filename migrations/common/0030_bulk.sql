-- Which form the text in `form` is of: upload, manage, release or move; undo where there was none.
ALTER TABLE orders ADD COLUMN form_of TEXT NOT NULL DEFAULT 'upload';
-- Whether it moves numbers: to an account of the same tenant ('account') or of another one ('tenant').
ALTER TABLE orders ADD COLUMN moves TEXT;
-- The account and the settings that a changed or moved number had before.
ALTER TABLE order_items ADD COLUMN from_account_id BIGINT;
ALTER TABLE order_items ADD COLUMN from_settings_id BIGINT;
