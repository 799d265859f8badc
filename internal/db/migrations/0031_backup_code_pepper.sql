-- +goose Up

-- The id of the pepper in the verifiers of a set, which are sealed; empty before there were ids.
ALTER TABLE backup_code ADD COLUMN pepper TEXT NOT NULL DEFAULT ''; -- public
CREATE INDEX backup_code_pepper ON backup_code (pepper, account_id);
