-- Numbers that a backend's answer changed, in the order in which that was committed. With the audit rows of orders and
-- accounts, which are in that order too, it tells whoever hands calls over what to look at anew.
CREATE TABLE answers (
    seq BIGINT NOT NULL PRIMARY KEY,
    -- Numbers and ranges of them between commas, such as 441632960000-441632960999,441632961005.
    numbers TEXT NOT NULL
);
INSERT INTO sequences (name, next) VALUES ('answers', 1);
