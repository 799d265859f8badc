-- +goose Up

-- A mail that waits for delivery, or the record of one that was delivered,
-- expired or refused (without address and text).
CREATE TABLE outbox (
    id          TEXT PRIMARY KEY, -- public
    kind        TEXT NOT NULL,    -- public
    account     TEXT,             -- public
    priority    BIGINT NOT NULL,  -- public
    once        TEXT,             -- public
    recipient   BYTEA,            -- personal
    letter      BYTEA,            -- secret
    status      TEXT NOT NULL,    -- public
    attempts    BIGINT NOT NULL,  -- public
    due_at      BIGINT NOT NULL,  -- public
    created_at  BIGINT NOT NULL,  -- public
    expires_at  BIGINT NOT NULL,  -- public
    done_at     BIGINT,           -- public
    result      TEXT              -- public
);

CREATE UNIQUE INDEX outbox_once ON outbox (once) WHERE once IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (priority, due_at) WHERE status = 'waiting';
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX outbox_account ON outbox (account) WHERE account IS NOT NULL AND status = 'waiting';
