-- +goose Up

-- One session of one browser: what was proven, when, and until when it counts.
CREATE TABLE session (
    id           TEXT NOT NULL PRIMARY KEY, -- public
    token_digest BYTEA NOT NULL UNIQUE, -- secret
    account_id   TEXT NOT NULL, -- public
    facts        TEXT NOT NULL, -- personal
    created_at   BIGINT NOT NULL, -- public
    touched_at   BIGINT NOT NULL, -- personal
    ends_at      BIGINT NOT NULL, -- public
    ended_at     BIGINT, -- public
    end_reason   TEXT -- public
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_ends ON session (ends_at);

-- A browser in which an account has signed in before.
CREATE TABLE device (
    digest     BYTEA NOT NULL, -- secret
    account_id TEXT NOT NULL, -- public
    created_at BIGINT NOT NULL, -- personal
    used_at    BIGINT NOT NULL, -- personal
    PRIMARY KEY (digest, account_id)
);
CREATE INDEX device_account ON device (account_id);
CREATE INDEX device_used ON device (used_at);
