-- A number that several backends have to know, or that one has to give up while it stays with us, has a row for each of
-- them until all have done what they have to; push_id of its row in numbers is 0 meanwhile. Other numbers have none.
CREATE TABLE number_parts (
    telephone_number BIGINT NOT NULL,
    -- Name of the backend.
    backend TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    -- The bit of the service that the backend has the number for.
    service BIGINT NOT NULL,
    -- What the backend has to do: upload, withdraw or release.
    task TEXT NOT NULL,
    -- How far it has come: pending, synced or failed.
    state TEXT NOT NULL,
    error_id BIGINT,
    -- The push that carries it now and the rev of the number that it was pushed with.
    push_id BIGINT,
    pushed_rev BIGINT,
    PRIMARY KEY (telephone_number, backend)
);
CREATE INDEX number_parts_account ON number_parts (account_id, state, task, telephone_number);
CREATE INDEX number_parts_push ON number_parts (push_id) WHERE push_id IS NOT NULL;

-- The content address of what the backend of one service sees, for settings with several services; others have one.
CREATE TABLE settings_services (
    settings_id BIGINT NOT NULL,
    service BIGINT NOT NULL,
    push_key BIGINT NOT NULL,
    PRIMARY KEY (settings_id, service)
);

-- For which service a push goes to its backend. An empty name: no backend has to know of its numbers.
ALTER TABLE pushes ADD COLUMN service BIGINT NOT NULL DEFAULT 0;
UPDATE pushes
SET service = COALESCE((SELECT s.services & 3 FROM settings s WHERE s.id = pushes.settings_id), 0);

-- Numbers that the one backend until now has to give up while they stay.
INSERT INTO number_parts
    (telephone_number, backend, account_id, service, task, state, error_id, push_id, pushed_rev)
SELECT n.telephone_number, 'operator-connect', n.account_id,
    CASE WHEN (a.services & a.synced & 3) = 2 THEN 2 ELSE 1 END,
    CASE WHEN n.state = 'releasing' OR o.kind = 'release' THEN 'release' ELSE 'withdraw' END,
    CASE n.state WHEN 'failed' THEN 'failed' ELSE 'pending' END,
    n.error_id, n.push_id, n.pushed_rev
FROM numbers n
JOIN settings s ON s.id = n.settings_id
JOIN accounts a ON a.id = n.account_id
LEFT JOIN orders o ON o.id = n.order_id
WHERE n.state <> 'synced' AND (s.services & 3) = 0;
UPDATE numbers
SET push_id = 0, pushed_rev = NULL
WHERE telephone_number IN (SELECT telephone_number FROM number_parts);
UPDATE pushes
SET kind = 'release',
    service = COALESCE(
        (
            SELECT CASE WHEN (a.services & a.synced & 3) = 2 THEN 2 ELSE 1 END
            FROM accounts a
            WHERE a.id = pushes.account_id
        ),
        1
    )
WHERE service = 0;
