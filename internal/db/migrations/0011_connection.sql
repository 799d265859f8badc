-- +goose Up

-- A service an account is connected to, and what the person agreed to share with it.
CREATE TABLE connection (
    account        TEXT NOT NULL,    -- personal
    relying_party  TEXT NOT NULL,    -- personal
    claims         TEXT NOT NULL,    -- personal
    since          BIGINT NOT NULL,  -- personal
    consented_at   BIGINT NOT NULL,  -- personal
    last_used_at   BIGINT,           -- personal
    PRIMARY KEY (account, relying_party)
);

CREATE INDEX connection_relying_party ON connection (relying_party);

-- The identifier by which a sector knows an account: random, never changed,
-- never deleted, never given to another account.
CREATE TABLE subject (
    sector      TEXT NOT NULL,         -- public
    account     TEXT NOT NULL,         -- personal
    subject     TEXT NOT NULL UNIQUE,  -- personal
    created_at  BIGINT NOT NULL,       -- public
    PRIMARY KEY (sector, account)
);
