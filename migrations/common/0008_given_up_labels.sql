-- Labels of Direct Routing that no account has any more, and who had them last: for a while nobody else gets them, for the
-- names that were made from them may still be verified in that customer's tenant.
CREATE TABLE given_up_labels (
    -- In lower case.
    label TEXT NOT NULL PRIMARY KEY,
    -- Name of the account that had it.
    account TEXT NOT NULL,
    given_up_at BIGINT NOT NULL
);
