-- +goose Up

-- Two accounts of one person that were merged: the second one is suspended until
-- ends_at, and erased then unless the merging was undone. Each owner's mail holds a
-- link of its own.
CREATE TABLE account_merge (
    id               TEXT NOT NULL PRIMARY KEY, -- public
    survivor         TEXT NOT NULL,             -- personal
    second           TEXT NOT NULL,             -- personal
    survivor_digest  BYTEA NOT NULL UNIQUE,     -- secret
    second_digest    BYTEA NOT NULL UNIQUE,     -- secret
    merged_at        BIGINT NOT NULL,           -- public
    ends_at          BIGINT NOT NULL,           -- public
    ended_at         BIGINT,                    -- public
    outcome          TEXT                       -- public
);
CREATE UNIQUE INDEX account_merge_survivor ON account_merge (survivor) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX account_merge_second ON account_merge (second) WHERE ended_at IS NULL;
CREATE INDEX account_merge_due ON account_merge (ends_at) WHERE ended_at IS NULL;
CREATE INDEX account_merge_ended ON account_merge (ended_at) WHERE ended_at IS NOT NULL;

-- The subjects that a merging gave to the surviving account; undoing it gives them back.
CREATE TABLE moved_subject (
    merge_id  TEXT NOT NULL, -- public
    subject   TEXT NOT NULL, -- personal
    PRIMARY KEY (merge_id, subject)
);

-- The merging that brought a connection to the surviving account; nothing is shared by it
-- until the person agrees again.
ALTER TABLE connection ADD COLUMN carried_by TEXT; -- public
CREATE INDEX connection_carried ON connection (carried_by) WHERE carried_by IS NOT NULL;
