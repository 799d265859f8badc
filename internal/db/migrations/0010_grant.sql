-- +goose Up

-- What one authorization gave to a service: its code, and the root of every token that came of it.
CREATE TABLE authorization_grant (
    id               TEXT PRIMARY KEY,       -- public
    account          TEXT NOT NULL,          -- personal
    relying_party    TEXT NOT NULL,          -- personal
    session          TEXT NOT NULL,          -- personal
    subject          TEXT NOT NULL,          -- personal
    scope            TEXT NOT NULL,          -- personal
    userinfo_claims  TEXT NOT NULL,          -- personal
    id_token_claims  TEXT NOT NULL,          -- personal
    acr              TEXT NOT NULL,          -- personal
    amr              TEXT NOT NULL,          -- personal
    auth_time        BIGINT NOT NULL,        -- personal
    nonce            TEXT NOT NULL,          -- public
    code_digest      BYTEA NOT NULL UNIQUE,  -- secret
    redirect_uri     TEXT NOT NULL,          -- public
    challenge        TEXT NOT NULL,          -- public
    code_expires_at  BIGINT NOT NULL,        -- public
    redeemed_at      BIGINT,                 -- public
    revoked_at       BIGINT,                 -- public
    revoked_for      TEXT,                   -- public
    created_at       BIGINT NOT NULL,        -- personal
    ends_at          BIGINT NOT NULL         -- public
);

CREATE INDEX authorization_grant_account ON authorization_grant (account, relying_party);
CREATE INDEX authorization_grant_party ON authorization_grant (relying_party) WHERE revoked_at IS NULL;
CREATE INDEX authorization_grant_session ON authorization_grant (session);
CREATE INDEX authorization_grant_ends ON authorization_grant (ends_at);

-- An opaque access token; it is good as long as its grant is.
CREATE TABLE access_token (
    digest         BYTEA PRIMARY KEY,  -- secret
    grant_id       TEXT NOT NULL,      -- public
    created_at     BIGINT NOT NULL,    -- public
    expires_at     BIGINT NOT NULL     -- public
);

CREATE INDEX access_token_grant ON access_token (grant_id);
CREATE INDEX access_token_expires ON access_token (expires_at);

-- A client assertion that was used: digest over the client and its jti.
CREATE TABLE used_assertion (
    digest      BYTEA PRIMARY KEY,  -- public
    expires_at  BIGINT NOT NULL     -- public
);

CREATE INDEX used_assertion_expires ON used_assertion (expires_at);
