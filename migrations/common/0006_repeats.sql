-- What a program was told for a request that it may repeat, written with the change itself.
CREATE TABLE repeats (
    -- Issuer and subject of the program.
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    -- SHA-256 of the request.
    fingerprint TEXT NOT NULL,
    status BIGINT NOT NULL,
    etag TEXT,
    body TEXT,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (client, id)
);
CREATE INDEX repeats_told ON repeats (told_at);
