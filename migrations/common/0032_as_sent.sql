-- What programs sent beside what should be true: the order of lists, and services that are not enabled. Each distinct
-- value stands here once; most numbers have none.
CREATE TABLE as_sent (
    id BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
ALTER TABLE numbers ADD COLUMN as_sent_id BIGINT;
ALTER TABLE accounts ADD COLUMN as_sent TEXT;
-- When the resource of an answer that is kept was changed last.
ALTER TABLE repeats ADD COLUMN changed_at BIGINT;
