-- Each backend has work of its own: one that is away keeps nobody from the others. What there is belongs to the one backend
-- that there was until now.
CREATE TABLE work_of_backends (
    backend TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What it is about: an account's id, a tenant, or nothing.
    key TEXT NOT NULL,
    -- When it is due; the largest integer means that nothing is to do.
    next_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    -- The backend asked not to be called before (Retry-After).
    not_before BIGINT NOT NULL DEFAULT 0,
    -- Until when a worker owns it, and the token that worker writes with. Meanwhile next_at is the same instant, unless
    -- somebody has asked for another round.
    lease_until BIGINT NOT NULL DEFAULT 0,
    fence BIGINT NOT NULL DEFAULT 0,
    last_ok_at BIGINT,
    last_error TEXT,
    last_error_at BIGINT,
    -- The clock by which the row was last written.
    set_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (backend, kind, key)
);
INSERT INTO work_of_backends (
    backend, kind, key, next_at, attempt, not_before, lease_until, fence, last_ok_at, last_error, last_error_at, set_at
)
SELECT
    'operator-connect', kind, key, next_at, attempt, not_before, lease_until, fence, last_ok_at, last_error, last_error_at,
    set_at
FROM work;
DROP TABLE work;
ALTER TABLE work_of_backends RENAME TO work;
CREATE INDEX work_pushes ON work (backend, next_at) WHERE kind IN ('account', 'relationship');
CREATE INDEX work_pulls ON work (backend, next_at) WHERE kind IN ('consents', 'civic-addresses', 'numbers');
CREATE INDEX work_failing ON work (backend, kind, next_at) WHERE last_error IS NOT NULL;

-- Whom a push goes to.
ALTER TABLE pushes ADD COLUMN backend TEXT NOT NULL DEFAULT 'operator-connect';
DROP INDEX pushes_account;
CREATE INDEX pushes_account ON pushes (account_id, backend);
