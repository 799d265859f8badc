-- +goose Up

-- An authorization request that a service pushed (RFC 9126). Its parameters are sealed;
-- of the name it was given only the digest is kept.
CREATE TABLE pushed_request (
    digest         BYTEA NOT NULL PRIMARY KEY, -- secret
    relying_party  TEXT NOT NULL,              -- public
    parameters     BYTEA NOT NULL,             -- personal
    signed         BIGINT NOT NULL,            -- public
    created_at     BIGINT NOT NULL,            -- public
    expires_at     BIGINT NOT NULL,            -- public
    used_at        BIGINT                      -- public
);
CREATE INDEX pushed_request_expires_at ON pushed_request (expires_at);
