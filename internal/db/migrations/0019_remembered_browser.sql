-- +goose Up

-- A browser in which the second step of an account is not asked for a while: the
-- first token of the known device (table device), which needs no cookie of its own.
CREATE TABLE remembered_browser (
    id         TEXT NOT NULL PRIMARY KEY, -- public
    account_id TEXT NOT NULL, -- public
    device     BYTEA NOT NULL, -- secret
    proven_at  BIGINT NOT NULL, -- personal
    browser    TEXT NOT NULL, -- personal
    system     TEXT NOT NULL, -- personal
    UNIQUE (account_id, device)
);
CREATE INDEX remembered_browser_proven ON remembered_browser (proven_at);
