-- +goose Up

-- The wish of an owner to delete their account: it opens nothing any more, and is erased
-- at ends_at unless the wish was taken back, signed in or by the link of a mail. What is
-- left of it explains that link for a while.
CREATE TABLE account_closing (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    account_id    TEXT NOT NULL,             -- public
    token_digest  BYTEA NOT NULL UNIQUE,     -- secret
    asked_at      BIGINT NOT NULL,           -- personal
    ends_at       BIGINT NOT NULL,           -- public
    ended_at      BIGINT,                    -- public
    outcome       TEXT                       -- public
);
CREATE UNIQUE INDEX account_closing_open ON account_closing (account_id) WHERE ended_at IS NULL;
CREATE INDEX account_closing_due ON account_closing (ends_at) WHERE ended_at IS NULL;
CREATE INDEX account_closing_ended ON account_closing (ended_at) WHERE ended_at IS NOT NULL;
