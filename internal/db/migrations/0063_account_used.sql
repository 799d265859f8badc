-- +goose Up

-- The day of an account's newest sign-in, as the instant at which it began in UTC: written
-- once a day at most. NULL: not known, because the account is older than this column; the
-- job of unused accounts notes the day on which it first sees such an account, so that no
-- account looks older than it is.
ALTER TABLE account ADD COLUMN used_at BIGINT; -- personal
CREATE INDEX account_used_at ON account (used_at, id) WHERE status = 'active' AND used_at IS NOT NULL;
CREATE INDEX account_used_unknown ON account (id) WHERE status = 'active' AND used_at IS NULL;
