-- +goose Up

-- An identifier by which a sector knew an account once: a service started anew with
-- the person, or two accounts of one person were merged. It is given to nobody else,
-- ever; the account it was of gets it back when a merging is undone.
CREATE TABLE retired_subject (
    subject     TEXT NOT NULL PRIMARY KEY,  -- personal
    sector      TEXT NOT NULL,              -- public
    account     TEXT NOT NULL,              -- personal
    cause       TEXT NOT NULL,              -- public
    created_at  BIGINT NOT NULL,            -- public
    retired_at  BIGINT NOT NULL             -- public
);
CREATE INDEX retired_subject_account ON retired_subject (account, sector);
