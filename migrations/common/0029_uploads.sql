-- Uploads of which it is not clear what their columns are, until their person has said so: one for each person.
CREATE TABLE waiting_uploads (
    person TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    -- What was typed besides, as JSON.
    form TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX waiting_uploads_created ON waiting_uploads (created_at);

-- Their files.
CREATE TABLE waiting_files (
    person TEXT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (person, seq)
);

-- What a person said that the columns under these headings are.
CREATE TABLE heading_choices (
    person TEXT NOT NULL,
    -- Content address of the headings.
    headings BIGINT NOT NULL,
    choices TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (person, headings)
);
CREATE INDEX heading_choices_used ON heading_choices (used_at);

-- The cells of a refused line as JSON, with the first of its problems.
ALTER TABLE order_problems ADD COLUMN record TEXT;
