-- +goose Up

-- What exactly a person allowed a service to do, as JSON (RFC 9396), and the part of it that
-- an access token was asked for; NULL for nothing, and for all of it.
ALTER TABLE authorization_grant ADD COLUMN authorization_details TEXT; -- personal
ALTER TABLE access_token ADD COLUMN authorization_details TEXT;        -- public
