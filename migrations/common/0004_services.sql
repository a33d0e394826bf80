-- What Direct Routing needs of an account. The label is in lower case; one account in the whole deployment has it.
CREATE TABLE subdomains (
    account_id BIGINT NOT NULL PRIMARY KEY,
    label TEXT NOT NULL UNIQUE,
    call_screening BOOLEAN NOT NULL,
    -- What the enterprise's tenant asks to see in DNS, for each region.
    region1_token TEXT NOT NULL,
    region2_token TEXT NOT NULL
);

-- How many numbers of an account have each set of services, kept with every change of numbers.
CREATE TABLE account_services (
    account_id BIGINT NOT NULL,
    services BIGINT NOT NULL,
    numbers BIGINT NOT NULL,
    PRIMARY KEY (account_id, services)
);
