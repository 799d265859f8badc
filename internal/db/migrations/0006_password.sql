-- +goose Up

-- What is bound to an account to prove who its owner is; what each type needs
-- of its own stands in the table of the type.
CREATE TABLE authenticator (
    id           TEXT NOT NULL PRIMARY KEY, -- public
    account_id   TEXT NOT NULL, -- public
    type         TEXT NOT NULL, -- public
    name         TEXT NOT NULL, -- personal
    bound_at     BIGINT NOT NULL, -- public
    used_at      BIGINT -- personal
);
CREATE INDEX authenticator_account ON authenticator (account_id);

-- The verifier of an account's password, sealed.
CREATE TABLE password (
    account_id   TEXT NOT NULL PRIMARY KEY, -- public
    authenticator_id TEXT NOT NULL, -- public
    verifier     BYTEA NOT NULL, -- secret
    set_at       BIGINT NOT NULL, -- public
    row_version  BIGINT NOT NULL -- public
);
