-- +goose Up

-- The protected resources that a device, or a service that asks somebody to confirm, wants
-- tokens for (RFC 8707), and the claims that it asks for one by one, as JSON (OpenID Connect
-- Core 1.0, 5.5); NULL for none. Of a grant, the values of which single claims must have one to
-- be told (5.5.1), as JSON; NULL when none does.
ALTER TABLE device_request ADD COLUMN resource TEXT;          -- public
ALTER TABLE device_request ADD COLUMN claims TEXT;            -- personal
ALTER TABLE ciba_request ADD COLUMN resource TEXT;            -- public
ALTER TABLE ciba_request ADD COLUMN claims TEXT;              -- personal
ALTER TABLE authorization_grant ADD COLUMN claim_values TEXT; -- personal
