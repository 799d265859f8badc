-- +goose Up

-- A set of backup codes: the verifiers of all of them, one salt for the set, sealed.
CREATE TABLE backup_code (
    authenticator_id TEXT NOT NULL PRIMARY KEY, -- public
    account_id       TEXT NOT NULL UNIQUE, -- public
    verifiers        BYTEA NOT NULL, -- secret
    made_at          BIGINT NOT NULL, -- personal
    reminded_at      BIGINT -- personal
);

-- A backup code of a set that was used, by its place in the set.
CREATE TABLE backup_code_use (
    authenticator_id TEXT NOT NULL, -- public
    place            BIGINT NOT NULL, -- public
    account_id       TEXT NOT NULL, -- public
    used_at          BIGINT NOT NULL, -- personal
    PRIMARY KEY (authenticator_id, place)
);
CREATE INDEX backup_code_use_account ON backup_code_use (account_id);
