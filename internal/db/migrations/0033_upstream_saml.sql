-- +goose Up

-- The assertions of sign-in partners that were accepted, by a digest of issuer and
-- identifier, until the moment from which each would be refused as too old.
CREATE TABLE upstream_assertion (
    id          BYTEA NOT NULL PRIMARY KEY, -- public
    expires_at  BIGINT NOT NULL             -- public
);
CREATE INDEX upstream_assertion_expires ON upstream_assertion (expires_at);

-- An answer that a partner's page posted, on its way to our own page of the same
-- browser: seconds, sealed, found by a digest of what stands in the address.
CREATE TABLE upstream_answer (
    id          TEXT NOT NULL PRIMARY KEY, -- secret
    provider    TEXT NOT NULL,             -- public
    network     TEXT NOT NULL,             -- personal
    answer      BYTEA NOT NULL,            -- secret
    expires_at  BIGINT NOT NULL            -- public
);
CREATE INDEX upstream_answer_expires ON upstream_answer (expires_at);
CREATE INDEX upstream_answer_network ON upstream_answer (network);
