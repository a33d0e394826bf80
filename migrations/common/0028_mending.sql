-- How a line that could not be taken may be mended: the kind of its flaw, what to write instead, and where in the text it stands.
ALTER TABLE order_problems ADD COLUMN kind TEXT;
ALTER TABLE order_problems ADD COLUMN proposal TEXT;
ALTER TABLE order_problems ADD COLUMN place_start BIGINT;
ALTER TABLE order_problems ADD COLUMN place_end BIGINT;

-- What a person should see of an upload beside what is refused: how a line was read, or (line 0) what holds for many.
CREATE TABLE order_notes (
    order_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    line BIGINT NOT NULL,
    value TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (order_id, seq)
);

-- The text of an upload of which lines may be mended, while it is a draft.
CREATE TABLE draft_texts (
    order_id BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL,
    is_file BOOLEAN NOT NULL
);
