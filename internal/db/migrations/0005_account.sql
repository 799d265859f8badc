-- +goose Up

-- One person's account. What happens to it is in the audit, not here.
CREATE TABLE account (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    status        TEXT NOT NULL, -- public
    locale        TEXT NOT NULL, -- personal
    created_at    BIGINT NOT NULL, -- public
    activated_at  BIGINT, -- public
    closed_at     BIGINT -- public
);
CREATE INDEX account_pending ON account (created_at) WHERE status = 'pending';

-- An address belongs to one account only. It is sealed and found by its index.
CREATE TABLE email_address (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    account_id    TEXT NOT NULL, -- public
    address       BYTEA NOT NULL, -- personal
    address_index TEXT NOT NULL UNIQUE, -- personal
    main          BIGINT NOT NULL, -- public
    added_at      BIGINT NOT NULL, -- public
    proven_at     BIGINT -- public
);
CREATE INDEX email_address_account ON email_address (account_id);

-- Failures by address, whether or not an account exists.
CREATE TABLE failed_attempt (
    address_index TEXT NOT NULL, -- personal
    kind          TEXT NOT NULL, -- public
    device        TEXT NOT NULL, -- secret
    failures      BIGINT NOT NULL, -- public
    locked_at     BIGINT, -- public
    expires_at    BIGINT NOT NULL, -- public
    PRIMARY KEY (address_index, kind, device)
);
CREATE INDEX failed_attempt_expires ON failed_attempt (expires_at);

-- The link and the code of one message that asks for proof of an address. What
-- is left of a dead one holds no address.
CREATE TABLE address_proof (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    purpose       TEXT NOT NULL, -- public
    token_digest  BYTEA NOT NULL UNIQUE, -- secret
    code_mac      BYTEA, -- secret
    tries         BIGINT NOT NULL, -- public
    account_id    TEXT, -- public
    address       BYTEA, -- personal
    address_index TEXT, -- personal
    flow_id       TEXT NOT NULL, -- public
    relying_party TEXT NOT NULL, -- personal
    created_at    BIGINT NOT NULL, -- public
    expires_at    BIGINT NOT NULL, -- public
    consumed_at   BIGINT, -- public
    replaced_at   BIGINT, -- public
    removed_at    BIGINT -- public
);
CREATE INDEX address_proof_address ON address_proof (address_index, purpose) WHERE address_index IS NOT NULL;
CREATE INDEX address_proof_account ON address_proof (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX address_proof_created ON address_proof (created_at);
