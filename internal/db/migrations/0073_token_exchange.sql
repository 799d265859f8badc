-- +goose Up

-- An access token that came of another one (RFC 8693): to whom it was given, who acts in it,
-- the newest first, and the digest of the token that it came of; NULL for every other token.
ALTER TABLE access_token ADD COLUMN relying_party TEXT; -- public
ALTER TABLE access_token ADD COLUMN actors TEXT;        -- public
ALTER TABLE access_token ADD COLUMN parent BYTEA;       -- secret
CREATE INDEX access_token_parent ON access_token (parent) WHERE parent IS NOT NULL;
CREATE INDEX access_token_party ON access_token (relying_party) WHERE relying_party IS NOT NULL;
