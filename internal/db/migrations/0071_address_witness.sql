-- +goose Up

-- Where an account was told something before somebody took a change to its addresses back,
-- and that is told still of what they recover (internal/account). Deleted when it ends.
CREATE TABLE address_witness (
    id         TEXT NOT NULL PRIMARY KEY, -- public
    account_id TEXT NOT NULL,             -- public
    channel    TEXT NOT NULL,             -- public
    address    BYTEA NOT NULL,            -- personal
    ends_at    BIGINT NOT NULL            -- public
);
CREATE INDEX address_witness_account ON address_witness (account_id);
CREATE INDEX address_witness_ends ON address_witness (ends_at);
