-- +goose Up

-- That the owner of an account which nobody uses is warned before it is removed. Each of
-- the two warnings has a link that keeps the account, and counts from when the mail server
-- took it over (first_handed_at, second_handed_at), never from when it was written.
-- next_at is when something is to be done. A row without first_at says that the account was
-- found unused and is kept all the same; retry_at is until when it is not looked at again.
CREATE TABLE unused_warning (
    id               TEXT NOT NULL PRIMARY KEY, -- public
    account_id       TEXT NOT NULL,             -- public
    made_at          BIGINT NOT NULL,           -- public
    mails            BIGINT NOT NULL,           -- public
    first_digest     BYTEA UNIQUE,              -- secret
    first_at         BIGINT,                    -- personal
    first_handed_at  BIGINT,                    -- public
    second_digest    BYTEA UNIQUE,              -- secret
    second_at        BIGINT,                    -- personal
    second_handed_at BIGINT,                    -- public
    removes_at       BIGINT,                    -- public
    next_at          BIGINT NOT NULL,           -- public
    ended_at         BIGINT,                    -- public
    outcome          TEXT,                      -- public
    retry_at         BIGINT                     -- public
);
CREATE UNIQUE INDEX unused_warning_open ON unused_warning (account_id) WHERE ended_at IS NULL;
CREATE INDEX unused_warning_account ON unused_warning (account_id);
CREATE INDEX unused_warning_next ON unused_warning (next_at, id) WHERE ended_at IS NULL;
CREATE INDEX unused_warning_ended ON unused_warning (ended_at) WHERE ended_at IS NOT NULL;
