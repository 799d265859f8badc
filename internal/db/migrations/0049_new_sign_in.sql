-- +goose Up

-- A sign-in with a browser in which its account was not known. The owner is told of all
-- of a few minutes in one message; then the row goes.
CREATE TABLE new_sign_in (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    account_id    TEXT NOT NULL, -- public
    relying_party TEXT NOT NULL, -- personal
    browser       TEXT NOT NULL, -- personal
    system        TEXT NOT NULL, -- personal
    at            BIGINT NOT NULL -- personal
);
CREATE INDEX new_sign_in_account ON new_sign_in (account_id);
CREATE INDEX new_sign_in_at ON new_sign_in (at);
