-- +goose Up

-- A key of the operators' API. Of its token only the digest is kept.
CREATE TABLE api_key (
    id          TEXT NOT NULL PRIMARY KEY, -- public
    name        TEXT NOT NULL UNIQUE,      -- public
    digest      BYTEA NOT NULL UNIQUE,     -- secret
    scopes      TEXT NOT NULL,             -- public
    created_at  BIGINT NOT NULL,           -- public
    expires_at  BIGINT NOT NULL,           -- public
    used_at     BIGINT,                    -- public
    revoked_at  BIGINT                     -- public
);
