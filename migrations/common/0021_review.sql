-- What the backends hold of a number that a portal's upload writes: equal, same, different, expected or unknown; nothing
-- where no backend holds it or none has to know it.
ALTER TABLE order_items ADD COLUMN outside TEXT;
-- The bits of those services whose backend could not be asked what it holds for the account's tenant.
ALTER TABLE order_accounts ADD COLUMN unseen BIGINT NOT NULL DEFAULT 0;
-- When a draft was last compared with what exists.
ALTER TABLE orders ADD COLUMN compared_at BIGINT;
