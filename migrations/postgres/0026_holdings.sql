-- Who had which number, and which numbers that were released nobody else may have yet.

-- Who an account was: a row for each tenant that it had under its name. It stays when the account goes. The first has the
-- id of the account.
CREATE TABLE holders (
    id BIGINT NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    tenant_id TEXT
);
CREATE INDEX holders_name ON holders (name);
ALTER TABLE accounts ADD COLUMN holder_id BIGINT NOT NULL DEFAULT 0;

-- What ended: a row for each time that a number was released. What goes on is the row in numbers; when either began is in
-- the orders.
CREATE TABLE holdings (
    telephone_number BIGINT NOT NULL,
    -- The order that released it.
    order_id BIGINT NOT NULL,
    holder_id BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (telephone_number, order_id)
);

-- Numbers that were released lately; a row counts while nobody has the number and free_at is not past.
CREATE TABLE quarantine (
    telephone_number BIGINT PRIMARY KEY NOT NULL,
    holder_id BIGINT NOT NULL,
    -- Empty where the number is of no one country.
    country TEXT NOT NULL,
    order_id BIGINT NOT NULL,
    released_at BIGINT NOT NULL,
    free_at BIGINT NOT NULL
);
CREATE INDEX quarantine_released ON quarantine (released_at);

-- How long a number stays in quarantine, in microseconds: by country, and under the empty name for all others. Written by
-- each start from the configuration.
CREATE TABLE quarantine_periods (
    country TEXT NOT NULL PRIMARY KEY,
    period BIGINT NOT NULL
);
INSERT INTO quarantine_periods (country, period)
VALUES ('', 2592000000000), ('CA', 3888000000000), ('US', 3888000000000);

-- Who let numbers of an order out of quarantine, and why.
CREATE TABLE quarantine_overrides (
    order_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    author_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    numbers BIGINT NOT NULL,
    PRIMARY KEY (order_id, seq)
);
CREATE TABLE quarantine_overridden (
    order_id BIGINT NOT NULL,
    telephone_number BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (order_id, telephone_number)
);
