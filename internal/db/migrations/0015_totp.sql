-- +goose Up

-- An authenticator app: its seed, sealed, and the newest time step that was accepted.
CREATE TABLE totp (
    authenticator_id TEXT NOT NULL PRIMARY KEY, -- public
    account_id       TEXT NOT NULL, -- public
    seed             BYTEA NOT NULL, -- secret
    last_step        BIGINT NOT NULL -- personal
);
CREATE INDEX totp_account ON totp (account_id);
