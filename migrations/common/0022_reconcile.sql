-- When the last pull of the list began that has ended, whole or not, and when it ended. A number is pushed only where that is
-- not long ago.
ALTER TABLE observed_lists ADD COLUMN looked_at BIGINT;
ALTER TABLE observed_lists ADD COLUMN looked_until BIGINT;
UPDATE observed_lists SET looked_at = listed_at, looked_until = listed_at;

-- Accounts whose numbers are compared with what a backend holds before anything is pushed to it, and how that ended.
CREATE TABLE reconciles (
    account_id BIGINT NOT NULL,
    backend TEXT NOT NULL,
    -- Why: synced, tenant or restored.
    why TEXT NOT NULL,
    -- comparing, held until a person confirms, or going.
    state TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    -- As of when the backend's list is that the counts come from.
    looked_at BIGINT,
    -- Numbers of the account that the backend has to know, and what a push would do: nothing to some of them, because they
    -- are there as they should be; give some to the tenant; change some, of which some are in use and some would lose their
    -- emergency address; be refused for some, which another tenant holds; take some back.
    total BIGINT NOT NULL DEFAULT 0,
    alike BIGINT NOT NULL DEFAULT 0,
    fresh BIGINT NOT NULL DEFAULT 0,
    different BIGINT NOT NULL DEFAULT 0,
    in_use BIGINT NOT NULL DEFAULT 0,
    address_lost BIGINT NOT NULL DEFAULT 0,
    elsewhere BIGINT NOT NULL DEFAULT 0,
    released BIGINT NOT NULL DEFAULT 0,
    confirmed_by TEXT,
    confirmed_at BIGINT,
    PRIMARY KEY (account_id, backend)
);
CREATE INDEX reconciles_held ON reconciles (account_id) WHERE state = 'held';
