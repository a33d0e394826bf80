-- The clock by which a row was last written. A row from the future was written before the clock was set back: its pause
-- counts from the clock that is right now.
ALTER TABLE work ADD COLUMN set_at BIGINT NOT NULL DEFAULT 0;

-- What is sent and what is pulled are claimed by workers of their own, each by the time at which it is due.
DROP INDEX work_due;
CREATE INDEX work_pushes ON work (next_at) WHERE kind IN ('account', 'relationship');
CREATE INDEX work_pulls ON work (next_at) WHERE kind IN ('consents', 'civic-addresses', 'numbers');
-- What sleeps after a failure is woken when the backend is back, and shown first.
CREATE INDEX work_failing ON work (kind, next_at) WHERE last_error IS NOT NULL;

-- Since when the backend's job is known; nothing while there is none.
ALTER TABLE pushes ADD COLUMN job_since BIGINT;
