-- +goose Up

-- When a service was visited last in its session: who leaves very many is shown the newest
-- of them. NULL where the row is older than this column.
ALTER TABLE session_party ADD COLUMN noted_at BIGINT; -- personal
