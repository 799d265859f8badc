-- +goose Up

-- What somebody asked our staff to do with their account, because they cannot do it
-- themselves: asked by the contact form, confirmed from the account's address, done by
-- two people of the staff, or refused, or forgotten after a while.
CREATE TABLE assist_request (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    account_id    TEXT NOT NULL,             -- public
    kind          TEXT NOT NULL,             -- public
    reference     TEXT NOT NULL,             -- public
    token_digest  BYTEA NOT NULL UNIQUE,     -- secret
    link_id       TEXT,                      -- public
    status        TEXT NOT NULL,             -- public
    asked_at      BIGINT NOT NULL,           -- public
    confirmed_at  BIGINT,                    -- public
    approved_at   BIGINT,                    -- public
    approved_by   TEXT,                      -- personal
    ended_at      BIGINT,                    -- public
    ended_by      TEXT,                      -- personal
    expires_at    BIGINT NOT NULL            -- public
);
CREATE INDEX assist_request_account ON assist_request (account_id);
CREATE INDEX assist_request_open ON assist_request (expires_at) WHERE ended_at IS NULL;
CREATE INDEX assist_request_ended ON assist_request (ended_at) WHERE ended_at IS NOT NULL;
