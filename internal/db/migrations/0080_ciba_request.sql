-- +goose Up

-- What a service asks somebody to confirm who is not in front of it (OpenID Connect CIBA
-- Core 1.0). Of auth_req_id only the digest is kept; id names the request in the links of
-- its person. What was allowed is a grant by the same digest.
CREATE TABLE ciba_request (
    digest         BYTEA NOT NULL PRIMARY KEY, -- secret
    id             TEXT NOT NULL UNIQUE,       -- public
    relying_party  TEXT NOT NULL,              -- public
    account        TEXT NOT NULL,              -- personal
    scope          TEXT NOT NULL,              -- public
    acr            TEXT NOT NULL,              -- public
    message        TEXT NOT NULL,              -- personal
    state          TEXT NOT NULL,              -- public
    pause          BIGINT NOT NULL,            -- public
    polled_at      BIGINT,                     -- public
    created_at     BIGINT NOT NULL,            -- public
    expires_at     BIGINT NOT NULL             -- public
);
CREATE INDEX ciba_request_account ON ciba_request (account);
CREATE INDEX ciba_request_expires_at ON ciba_request (expires_at);
