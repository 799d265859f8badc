-- +goose Up

-- What a device without a browser asks for (RFC 8628). Of its code only the digest is kept,
-- of the code that people type a keyed index. What was allowed is a grant by the same digest.
CREATE TABLE device_request (
    digest         BYTEA NOT NULL PRIMARY KEY, -- secret
    user_index     TEXT NOT NULL UNIQUE,       -- secret
    relying_party  TEXT NOT NULL,              -- public
    scope          TEXT NOT NULL,              -- public
    state          TEXT NOT NULL,              -- public
    opened         BIGINT NOT NULL,            -- public
    pause          BIGINT NOT NULL,            -- public
    polled_at      BIGINT,                     -- public
    created_at     BIGINT NOT NULL,            -- public
    expires_at     BIGINT NOT NULL             -- public
);
CREATE INDEX device_request_expires_at ON device_request (expires_at);
