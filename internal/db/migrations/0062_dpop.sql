-- +goose Up

-- The key that a code, or an access token, is bound to (RFC 9449): its thumbprint; NULL for none.
ALTER TABLE authorization_grant ADD COLUMN jkt TEXT; -- public
ALTER TABLE access_token ADD COLUMN jkt TEXT;        -- public
