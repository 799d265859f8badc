-- +goose Up

-- The browser that has just signed out of a session, by the digest of its secret: for a few
-- minutes it is shown what was visited there (OpenID Connect Front-Channel Logout 1.0).
ALTER TABLE session_party ADD COLUMN left_by BYTEA; -- secret
CREATE INDEX session_party_left_by ON session_party (left_by) WHERE left_by IS NOT NULL;
