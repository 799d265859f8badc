-- +goose Up

-- The verified claims that are released, and what must be true of their verification, as JSON
-- (OpenID Connect for Identity Assurance 1.0, 5); NULL for none.
ALTER TABLE authorization_grant ADD COLUMN verified_claims TEXT; -- personal
