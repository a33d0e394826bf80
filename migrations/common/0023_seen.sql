-- What became of numbers at a backend without our having asked for it, and what a push of ours found there before it. One
-- row tells of all numbers of a page of the list to which the same has happened.
CREATE TABLE seen (
    list_id BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- changed, gone, back, assigned, unassigned or overwritten.
    what TEXT NOT NULL,
    first_number BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    -- The numbers between those two, as ranges.
    numbers TEXT NOT NULL,
    -- What has changed: each member of the settings with its value before and after, as JSON.
    detail TEXT NOT NULL,
    -- How many numbers it tells of.
    total BIGINT NOT NULL,
    PRIMARY KEY (list_id, seen_at, what, first_number)
);
CREATE INDEX seen_number ON seen (last_number, first_number);
CREATE INDEX seen_at ON seen (seen_at);

-- What could not be read when a list was last pulled from a backend.
CREATE TABLE unread (
    backend TEXT NOT NULL,
    -- Kind and key of the work that pulls the list.
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    -- How much, and some of it by name, as JSON.
    total BIGINT NOT NULL,
    named TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (backend, kind, key)
);
