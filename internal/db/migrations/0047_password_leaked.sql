-- +goose Up

-- When a password was first found in the operator's file of passwords from leaks, at a
-- sign-in (internal/authenticator/password); a new password clears it.
ALTER TABLE password ADD COLUMN leaked_at BIGINT; -- personal
