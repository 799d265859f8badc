-- +goose Up

-- The protected resources for which an authorization was asked, and those for which an
-- access token is (RFC 8707); NULL for no resource in particular.
ALTER TABLE authorization_grant ADD COLUMN resource TEXT; -- personal
ALTER TABLE access_token ADD COLUMN audience TEXT;        -- public
