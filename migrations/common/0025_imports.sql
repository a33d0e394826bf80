-- What was taken over from elsewhere: who, from where, how far it has come, and what could not be taken.
CREATE TABLE imports (
    id TEXT NOT NULL PRIMARY KEY,
    -- Where from: api, files or backend.
    kind TEXT NOT NULL,
    -- The address, the folder, or the names of files.
    source TEXT NOT NULL,
    -- draft (looked through, nothing taken), running, stopped or complete.
    status TEXT NOT NULL,
    author TEXT NOT NULL,
    author_id TEXT NOT NULL,
    -- Where to go on, in the source's own terms.
    place TEXT,
    counts TEXT NOT NULL,
    -- Why it stopped.
    reason TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX imports_source ON imports (kind, source, id);

CREATE TABLE import_problems (
    import_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    place TEXT NOT NULL,
    line BIGINT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (import_id, seq)
);

-- Files that were sent to the portal, from the dry run until they are taken over.
CREATE TABLE import_files (
    import_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (import_id, seq)
);
