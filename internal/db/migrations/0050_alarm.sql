-- +goose Up

-- The link of such a message: whoever opens it and presses the button ends every session
-- of the account, once.
CREATE TABLE alarm (
    digest     BYTEA NOT NULL PRIMARY KEY, -- secret
    account_id TEXT NOT NULL, -- public
    ends_at    BIGINT NOT NULL, -- public
    used_at    BIGINT -- public
);
CREATE INDEX alarm_account ON alarm (account_id);
CREATE INDEX alarm_ends ON alarm (ends_at);
