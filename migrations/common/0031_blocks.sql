-- The operator's own ranges of numbers; no two share a number.
CREATE TABLE blocks (
    first_number BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL,
    -- None where the code belongs to no one country.
    country TEXT,
    kind TEXT NOT NULL,
    note TEXT NOT NULL,
    rev BIGINT NOT NULL
);

-- Free numbers that are kept for a person until an upload takes them or the time is over.
CREATE TABLE reservations (
    id BIGINT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    author TEXT NOT NULL,
    author_id TEXT NOT NULL,
    numbers BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX reservations_until ON reservations (until);

-- Their numbers: a row for those in a row.
CREATE TABLE reserved (
    first_number BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    reservation_id BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (first_number, reservation_id)
);
CREATE INDEX reserved_reservation ON reserved (reservation_id);

-- Held by whoever changes blocks or reserves numbers, so that nobody does it at the same moment.
INSERT INTO sequences (name, next) VALUES ('blocks', 1);
