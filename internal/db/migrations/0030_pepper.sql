-- +goose Up

-- The id of the pepper in a verifier, which is sealed; empty before there were ids.
ALTER TABLE password ADD COLUMN pepper TEXT NOT NULL DEFAULT ''; -- public
CREATE INDEX password_pepper ON password (pepper, account_id);
