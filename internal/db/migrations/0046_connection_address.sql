-- +goose Up

-- Which of the account's e-mail addresses a service is told (internal/connection): the
-- row of the address; none for the main one.
ALTER TABLE connection ADD COLUMN address_id TEXT; -- personal
