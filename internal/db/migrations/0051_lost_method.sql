-- +goose Up

-- How an authenticator was bound, as far as that limits what it is worth; from when it
-- counts in full; and, of one that its owner has lost, until when it may be brought back.
ALTER TABLE authenticator ADD COLUMN bound_by TEXT NOT NULL DEFAULT ''; -- public
ALTER TABLE authenticator ADD COLUMN counts_from BIGINT; -- public
ALTER TABLE authenticator ADD COLUMN aside_until BIGINT; -- public
CREATE INDEX authenticator_aside ON authenticator (aside_until) WHERE aside_until IS NOT NULL;

-- Somebody who lost every method of an account: at once, or after waiting, the methods
-- are set aside, and come back when the owner objects in time.
CREATE TABLE lost_method (
    id          TEXT NOT NULL PRIMARY KEY, -- public
    account_id  TEXT NOT NULL, -- public
    asked_at    BIGINT NOT NULL, -- personal
    wait_until  BIGINT NOT NULL, -- public
    warned_at   BIGINT, -- public
    opened_at   BIGINT, -- public
    finish_by   BIGINT NOT NULL, -- public
    done_at     BIGINT, -- personal
    undo_until  BIGINT, -- public
    ended_at    BIGINT, -- public
    outcome     TEXT -- public
);
CREATE UNIQUE INDEX lost_method_open ON lost_method (account_id) WHERE ended_at IS NULL;
CREATE INDEX lost_method_account ON lost_method (account_id);
CREATE INDEX lost_method_ended ON lost_method (ended_at) WHERE ended_at IS NOT NULL;

-- The links that were sent about it: one stops or undoes it, one ends the waiting.
CREATE TABLE lost_method_link (
    digest      BYTEA NOT NULL PRIMARY KEY, -- secret
    request_id  TEXT NOT NULL, -- public
    account_id  TEXT NOT NULL, -- public
    does        TEXT NOT NULL, -- public
    channel     TEXT NOT NULL, -- public
    made_at     BIGINT NOT NULL -- public
);
CREATE INDEX lost_method_link_request ON lost_method_link (request_id);
CREATE INDEX lost_method_link_account ON lost_method_link (account_id);
