-- The integer primary key is the rowid: a number is found without an index of its own.
CREATE TABLE numbers (
    telephone_number INTEGER PRIMARY KEY NOT NULL,
    -- Digits in reverse behind a leading 1: "ends with" is a range of these.
    reversed BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    settings_id BIGINT NOT NULL,
    country TEXT,
    state TEXT NOT NULL,
    assigned BOOLEAN NOT NULL DEFAULT FALSE,
    error_id BIGINT,
    -- Grows with every change; a backend's answer counts only for the rev it was given for.
    rev BIGINT NOT NULL,
    -- The push that carries it now and the rev it was pushed with.
    push_id BIGINT,
    pushed_rev BIGINT,
    order_id BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX numbers_account ON numbers (account_id, telephone_number);
CREATE INDEX numbers_reversed ON numbers (reversed);
CREATE INDEX numbers_settings ON numbers (settings_id, telephone_number);
-- Most numbers are synced; what is not is found at once.
CREATE INDEX numbers_unsynced ON numbers (state, account_id, telephone_number) WHERE state <> 'synced';
CREATE INDEX numbers_push ON numbers (push_id) WHERE push_id IS NOT NULL;

CREATE TABLE order_items (
    order_id BIGINT NOT NULL,
    telephone_number BIGINT NOT NULL,
    reversed BIGINT NOT NULL,
    -- Where it stood in the upload; 0 where it came from no text.
    line BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    settings_id BIGINT NOT NULL,
    country TEXT,
    -- What the review said, and the rev of the number it was compared with (0: there was none).
    verdict TEXT NOT NULL,
    base_rev BIGINT NOT NULL,
    state TEXT NOT NULL,
    error_id BIGINT,
    PRIMARY KEY (order_id, telephone_number)
) WITHOUT ROWID;
CREATE INDEX order_items_number ON order_items (telephone_number, order_id);
