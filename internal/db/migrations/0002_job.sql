-- Leased background work (internal/job): one row per job, whichever node runs it.
-- +goose Up
CREATE TABLE job (
    name         TEXT NOT NULL PRIMARY KEY, -- public
    due_at       BIGINT NOT NULL, -- public
    holder       TEXT NOT NULL, -- public
    leased_until BIGINT NOT NULL, -- public
    succeeded_at BIGINT, -- public
    failures     BIGINT NOT NULL, -- public
    problem      TEXT NOT NULL -- public
);
