-- +goose Up

-- The refresh tokens that came of an authorization are one family (RFC 6749, 6): every token
-- of it begins with the same secret, and only the newest is good. The one before it may be
-- tried again for some seconds, and is answered with the newest, which is kept sealed for
-- that. The binding is the key that the tokens are bound to (RFC 9449, 5); NULL for none.
ALTER TABLE authorization_grant ADD COLUMN refresh_family BYTEA;        -- secret
ALTER TABLE authorization_grant ADD COLUMN refresh_digest BYTEA;        -- secret
ALTER TABLE authorization_grant ADD COLUMN refresh_former BYTEA;        -- secret
ALTER TABLE authorization_grant ADD COLUMN refresh_former_until BIGINT; -- public
ALTER TABLE authorization_grant ADD COLUMN refresh_successor BYTEA;     -- secret
ALTER TABLE authorization_grant ADD COLUMN refresh_binding TEXT;        -- public
ALTER TABLE authorization_grant ADD COLUMN refresh_expires_at BIGINT;   -- public
ALTER TABLE authorization_grant ADD COLUMN refresh_ends_at BIGINT;      -- public
CREATE UNIQUE INDEX authorization_grant_refresh ON authorization_grant (refresh_family) WHERE refresh_family IS NOT NULL;

-- The scopes of an access token that was asked for with fewer than its grant has; NULL for all of them.
ALTER TABLE access_token ADD COLUMN scope TEXT; -- public
