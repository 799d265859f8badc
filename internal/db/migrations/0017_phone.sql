-- +goose Up

-- A telephone number that codes are sent to, sealed, and found by its index.
CREATE TABLE phone (
    authenticator_id TEXT NOT NULL PRIMARY KEY, -- public
    account_id       TEXT NOT NULL, -- public
    number           BYTEA NOT NULL, -- personal
    number_index     TEXT NOT NULL, -- personal
    prefers          TEXT NOT NULL -- personal
);
CREATE INDEX phone_account ON phone (account_id);
CREATE INDEX phone_number ON phone (number_index);

-- A number whose owner asked for no more text messages. It outlives the account:
-- the wish is about the number, whoever types it next.
CREATE TABLE phone_stop (
    number_index TEXT NOT NULL PRIMARY KEY, -- personal
    stopped_at   BIGINT NOT NULL -- personal
);
