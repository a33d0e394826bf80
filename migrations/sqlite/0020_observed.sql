-- The lists of numbers that backends keep: one for each tenant.
CREATE TABLE observed_lists (
    id BIGINT NOT NULL PRIMARY KEY,
    backend TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    -- Counts the pulls.
    round BIGINT NOT NULL DEFAULT 0,
    -- When the last pull began that read the whole list, and when the backend last gave numbers up on our request.
    listed_at BIGINT,
    given_up_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX observed_lists_tenant ON observed_lists (backend, tenant_id);

-- Every distinct description of a number by a backend, stored once under its content address: that of our settings for the
-- service, where they say the same.
CREATE TABLE observed_settings (
    id BIGINT NOT NULL PRIMARY KEY,
    -- The same without the calling profile.
    bare_id BIGINT NOT NULL,
    -- The service in the backend's own word.
    service TEXT NOT NULL,
    body TEXT NOT NULL
);

-- What each backend last said of each number. A pull writes only what has changed.
CREATE TABLE observed (
    list_id BIGINT NOT NULL,
    telephone_number BIGINT NOT NULL,
    settings_id BIGINT NOT NULL,
    assigned BOOLEAN NOT NULL,
    -- The round that did not find the number in the list; it is forgotten once the list is known to its end.
    missing BIGINT,
    -- When the backend said this first; the list's listed_at tells until when it stood so.
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (list_id, telephone_number)
) WITHOUT ROWID;
CREATE INDEX observed_number ON observed (telephone_number);
CREATE INDEX observed_missing ON observed (list_id, missing, telephone_number) WHERE missing IS NOT NULL;
