-- +goose Up

-- An address that was removed from an account, or is no longer its main one, and that
-- can take that back for a while (internal/account). Where it was is wiped at the end.
CREATE TABLE address_change (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    account_id    TEXT NOT NULL,             -- public
    what          TEXT NOT NULL,             -- public
    token_digest  BYTEA NOT NULL UNIQUE,     -- secret
    address       BYTEA,                     -- personal
    added_at      BIGINT NOT NULL,           -- public
    made_at       BIGINT NOT NULL,           -- public
    ends_at       BIGINT NOT NULL,           -- public
    ended_at      BIGINT                     -- public
);
CREATE INDEX address_change_account ON address_change (account_id);
CREATE INDEX address_change_ends ON address_change (ends_at);
