-- +goose Up

-- A service that is to be told that its person has decided (OpenID Connect CIBA Core 1.0,
-- ping mode, 10.2): what it is told, auth_req_id, and the token by which it knows us, both
-- sealed. due_at is NULL until the decision, in whose transaction it is set; a row goes when
-- the service was told, has its tokens, or the request is over.
CREATE TABLE ciba_ping (
    request        TEXT NOT NULL PRIMARY KEY, -- public
    relying_party  TEXT NOT NULL,             -- public
    auth_req_id    BYTEA NOT NULL,            -- secret
    token          BYTEA NOT NULL,            -- secret
    attempts       BIGINT NOT NULL,           -- public
    due_at         BIGINT,                    -- public
    expires_at     BIGINT NOT NULL            -- public
);
CREATE INDEX ciba_ping_due_at ON ciba_ping (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ciba_ping_expires_at ON ciba_ping (expires_at);
