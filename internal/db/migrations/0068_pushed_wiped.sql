-- +goose Up

-- When what a pushed request said was wiped: at its use, or at its end; NULL: not yet.
ALTER TABLE pushed_request ADD COLUMN wiped_at BIGINT; -- public
CREATE INDEX pushed_request_unwiped ON pushed_request (expires_at) WHERE wiped_at IS NULL;
