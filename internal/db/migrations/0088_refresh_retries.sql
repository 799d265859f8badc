-- +goose Up

-- How often the token before the newest one of a family was answered again (0066); NULL for
-- not at all. It begins anew with every successor.
ALTER TABLE authorization_grant ADD COLUMN refresh_retries BIGINT; -- public
