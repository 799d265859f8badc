-- Proofs of work that were given once (internal/challenge), by the nonce of the challenge.
-- +goose Up
CREATE TABLE challenge_spent (
    nonce   TEXT NOT NULL PRIMARY KEY, -- public
    ends_at BIGINT NOT NULL            -- public
);
CREATE INDEX challenge_spent_ends ON challenge_spent (ends_at);

-- A code that was mailed in place of a challenge. The address is a keyed digest.
CREATE TABLE challenge_mail (
    id        TEXT NOT NULL PRIMARY KEY, -- public
    browser   BYTEA NOT NULL,            -- secret
    address   TEXT NOT NULL,             -- personal
    code      BYTEA NOT NULL,            -- secret
    uses      BIGINT NOT NULL,           -- public
    passed_at BIGINT,                    -- public
    ends_at   BIGINT NOT NULL            -- public
);
CREATE INDEX challenge_mail_ends ON challenge_mail (ends_at);
