-- The zone of Direct Routing; one row. The serial grows with every change of a name or a token.
CREATE TABLE zone (
    id BIGINT NOT NULL PRIMARY KEY,
    serial BIGINT NOT NULL,
    -- What the configuration adds to the zone, to recognise a change of it.
    layout TEXT NOT NULL,
    -- When somebody last asked for a check of the delegation, what was found, and when.
    check_wanted BIGINT NOT NULL DEFAULT 0,
    delegation TEXT,
    checked_at BIGINT
);
INSERT INTO zone (id, serial, layout) VALUES (1, 1, '');

-- The zone's serial at the last change of the label or a token, and when somebody last asked for a check.
ALTER TABLE subdomains ADD COLUMN serial BIGINT NOT NULL DEFAULT 1;
ALTER TABLE subdomains ADD COLUMN check_wanted BIGINT NOT NULL DEFAULT 0;
CREATE INDEX subdomains_serial ON subdomains (serial);
CREATE INDEX subdomains_check ON subdomains (check_wanted);

-- What a name server answered when it was last asked for the account's names.
CREATE TABLE subdomain_checks (
    account_id BIGINT NOT NULL PRIMARY KEY,
    -- That of the label and tokens it was asked for; a row of an earlier one counts for nothing.
    serial BIGINT NOT NULL,
    status TEXT NOT NULL,
    -- A word for each region.
    served TEXT NOT NULL,
    -- Which server it was.
    server TEXT NOT NULL,
    checked_at BIGINT NOT NULL
);

-- What the operator's own primary was told, where that serves the names (dynamic update).
CREATE TABLE told_names (
    label TEXT NOT NULL PRIMARY KEY,
    region1_token TEXT NOT NULL,
    region2_token TEXT NOT NULL,
    -- What the configuration added to each name.
    layout TEXT NOT NULL
);
