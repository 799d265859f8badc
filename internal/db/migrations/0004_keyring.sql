-- Signing keys and the row that proves the deployment's keys (internal/keyring).
-- +goose Up
CREATE TABLE signing_key (
    id          TEXT NOT NULL PRIMARY KEY, -- public
    algorithm   TEXT NOT NULL, -- public
    private     BYTEA NOT NULL, -- secret
    public      TEXT NOT NULL, -- public
    created_at  BIGINT NOT NULL, -- public
    active_from BIGINT NOT NULL, -- public
    retire_at   BIGINT -- public
);

CREATE TABLE key_check (
    id     TEXT NOT NULL PRIMARY KEY, -- public
    sealed BYTEA NOT NULL -- secret
);

CREATE TABLE key_revision (
    id       TEXT NOT NULL PRIMARY KEY, -- public
    revision BIGINT NOT NULL -- public
);
