-- +goose Up

-- The token of a known browser changes with each sign-in there; its counters stay
-- under the digest of the token it had first, once it has had another.
ALTER TABLE device ADD COLUMN origin BYTEA; -- secret
