-- Steps of setting up an enterprise for Direct Routing that only a person can know of, ticked by hand.
CREATE TABLE hand_over_steps (
    account_id BIGINT NOT NULL,
    -- The label it was done for: with another one everything begins anew.
    label TEXT NOT NULL,
    step TEXT NOT NULL,
    -- The day it was done, such as 2026-11-21.
    done_on TEXT NOT NULL,
    -- Who said so, and when.
    ticked_by TEXT NOT NULL,
    ticked_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, label, step)
);
