-- Numbers of which a backend says something else than we do. Kept, so that nobody compares all numbers to show a few.
CREATE TABLE drift (
    telephone_number BIGINT NOT NULL,
    backend TEXT NOT NULL,
    -- different, only-there, only-here, other-tenant or consent-withdrawn.
    kind TEXT NOT NULL,
    -- Who has it here; nothing where nobody has.
    account_id BIGINT,
    -- The tenant that it concerns: the account's, or else the one that the backend has it for.
    tenant_id TEXT NOT NULL,
    -- The tenant that the backend has it for; nothing where the backend does not have it.
    held_by TEXT,
    ours_id BIGINT,
    theirs_id BIGINT,
    assigned BOOLEAN NOT NULL,
    country TEXT,
    -- Since when the backend says so.
    seen_at BIGINT,
    found_at BIGINT NOT NULL,
    -- Shown to nobody who does not ask for it before then.
    ignored_until BIGINT NOT NULL DEFAULT 0,
    ignored_because TEXT,
    ignored_by TEXT,
    PRIMARY KEY (telephone_number, backend)
);
CREATE INDEX drift_kind ON drift (kind, telephone_number, backend, ignored_until);
CREATE INDEX drift_account ON drift (account_id, telephone_number, backend, ignored_until);
CREATE INDEX drift_account_kind ON drift (account_id, kind, telephone_number, backend, ignored_until);
CREATE INDEX drift_tenant ON drift (tenant_id, telephone_number, backend, ignored_until);
CREATE INDEX drift_tenant_kind ON drift (tenant_id, kind, telephone_number, backend, ignored_until);

-- How an order settles drift: adopt, push or release. Nothing for all other orders.
ALTER TABLE orders ADD COLUMN drift_way TEXT;
