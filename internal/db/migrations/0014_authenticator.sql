-- +goose Up

-- The name of an authenticator is the only one of its account, whatever its case.
ALTER TABLE authenticator ADD COLUMN name_key TEXT; -- personal
-- Failures in a row, counted before each comparison; so many in a short time
-- make it wait, and so many in all disable it until it is bound again.
ALTER TABLE authenticator ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- public
ALTER TABLE authenticator ADD COLUMN tried_at BIGINT; -- personal
ALTER TABLE authenticator ADD COLUMN tries BIGINT NOT NULL DEFAULT 0; -- public
ALTER TABLE authenticator ADD COLUMN tries_end_at BIGINT; -- public
ALTER TABLE authenticator ADD COLUMN waits_until BIGINT; -- public
ALTER TABLE authenticator ADD COLUMN disabled_at BIGINT; -- public
CREATE UNIQUE INDEX authenticator_name ON authenticator (account_id, name_key) WHERE name_key IS NOT NULL;
CREATE UNIQUE INDEX authenticator_single ON authenticator (account_id, type) WHERE type IN ('password', 'email', 'backup_code');
