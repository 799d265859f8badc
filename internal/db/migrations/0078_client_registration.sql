-- +goose Up

-- An initial access token (RFC 7591, 3): whoever has it may register services. Of the
-- token only the digest is kept; terms are what such a service may get, as JSON.
CREATE TABLE registration_token (
    id          TEXT NOT NULL PRIMARY KEY, -- public
    name        TEXT NOT NULL UNIQUE,      -- public
    digest      BYTEA NOT NULL UNIQUE,     -- secret
    terms       TEXT NOT NULL,             -- public
    uses        BIGINT NOT NULL,           -- public
    most_uses   BIGINT NOT NULL,           -- public
    created_at  BIGINT NOT NULL,           -- public
    expires_at  BIGINT NOT NULL,           -- public
    used_at     BIGINT,                    -- public
    revoked_at  BIGINT                     -- public
);

-- What a service registered itself with. Of its registration access token (RFC 7592) only
-- the digest is kept, and for a while that of the one before.
CREATE TABLE client_registration (
    relying_party  TEXT NOT NULL PRIMARY KEY, -- public
    token          TEXT NOT NULL,             -- public
    digest         BYTEA NOT NULL,            -- secret
    former_digest  BYTEA,                     -- secret
    former_ends    BIGINT,                    -- public
    metadata       TEXT NOT NULL,             -- public
    created_at     BIGINT NOT NULL,           -- public
    changed_at     BIGINT NOT NULL            -- public
);

-- The name of the initial access token that a service registered itself with.
ALTER TABLE relying_party ADD COLUMN registered_by TEXT; -- public
