-- Counters that hand out the numbers of orders, pushes and audit rows.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO sequences (name, next) VALUES ('accounts', 1), ('orders', 1), ('pushes', 1), ('audit', 1);

CREATE TABLE accounts (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Name, correlation id and tenant in lower case, for text search.
    search TEXT NOT NULL,
    correlation_id TEXT,
    tenant_id TEXT,
    -- Bits of enabled services, and of those that are synced with their backend.
    services BIGINT NOT NULL,
    synced BIGINT NOT NULL,
    number_count BIGINT NOT NULL DEFAULT 0,
    deleting BOOLEAN NOT NULL DEFAULT FALSE,
    rev BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX accounts_tenant ON accounts (tenant_id);

-- Every distinct settings value, stored once under its content address.
CREATE TABLE settings (
    id BIGINT NOT NULL PRIMARY KEY,
    -- The content address of the part that the backend sees.
    push_key BIGINT NOT NULL,
    services BIGINT NOT NULL,
    usage TEXT NOT NULL,
    civic_address_id TEXT,
    location_id TEXT,
    body TEXT NOT NULL
);
CREATE INDEX settings_push_key ON settings (push_key);
CREATE INDEX settings_civic_address ON settings (civic_address_id);

-- Every distinct error of a backend, word for word, stored once under its content address.
CREATE TABLE errors (
    id BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE orders (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    accounts TEXT NOT NULL,
    author TEXT NOT NULL,
    author_id TEXT NOT NULL,
    ticket TEXT,
    -- What was typed, so that it can be taken up again.
    form TEXT NOT NULL,
    total BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    superseded BIGINT NOT NULL DEFAULT 0,
    refused_lines BIGINT NOT NULL DEFAULT 0,
    started BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    submitted_at BIGINT,
    finished_at BIGINT
);
CREATE INDEX orders_status ON orders (status, id);

-- The accounts an order touches and what they were when it was reviewed.
CREATE TABLE order_accounts (
    order_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    account_rev BIGINT NOT NULL,
    PRIMARY KEY (order_id, account_id)
);
CREATE INDEX order_accounts_account ON order_accounts (account_id, order_id);

-- Lines of an upload that could not be taken, each with its reason.
CREATE TABLE order_problems (
    order_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    line BIGINT NOT NULL,
    heading TEXT,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (order_id, seq)
);

CREATE TABLE consents (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    -- The backend's consent as it was pulled.
    body TEXT NOT NULL,
    -- Company names, contacts and tenant in lower case, for text search.
    search TEXT NOT NULL,
    company TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Consented countries between commas, such as ,GB,US, for filters.
    countries TEXT NOT NULL,
    consented_on BIGINT NOT NULL,
    last_modified_on BIGINT NOT NULL,
    -- The relationship we want; equal to the backend's once synced.
    relationship TEXT NOT NULL,
    comment TEXT,
    relationship_on BIGINT,
    ticket TEXT,
    changed_by TEXT,
    sync_state TEXT NOT NULL,
    error_id BIGINT,
    -- Identifies one update to the backend, so that a repeat is recognised.
    request_id TEXT,
    rev BIGINT NOT NULL,
    pulled_at BIGINT NOT NULL
);
CREATE INDEX consents_order ON consents (last_modified_on, tenant_id);

CREATE TABLE civic_addresses (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    search TEXT NOT NULL,
    pulled_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE capability_plans (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    pulled_at BIGINT NOT NULL
);

-- Everything the sync engine has to look after: one row is one thing that one worker does at a time.
CREATE TABLE work (
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
    PRIMARY KEY (kind, key)
);
CREATE INDEX work_due ON work (next_at);

-- What is being sent to the backend: written before the backend is called, gone once every number has its answer.
CREATE TABLE pushes (
    id BIGINT NOT NULL PRIMARY KEY,
    -- Sent with the request, so that the backend recognises a repeat.
    request_id TEXT NOT NULL UNIQUE,
    account_id BIGINT NOT NULL,
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings_id BIGINT NOT NULL,
    -- True once the request may have reached the backend.
    sent BOOLEAN NOT NULL DEFAULT FALSE,
    job_id TEXT,
    -- When the job is asked about next.
    poll_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX pushes_account ON pushes (account_id);

-- Append-only: one row per accepted change, each holding the hash of the one before it.
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT,
    ticket TEXT,
    order_id BIGINT,
    request_id TEXT,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (subject_kind, subject, seq);
CREATE INDEX audit_actor ON audit (actor, seq);
