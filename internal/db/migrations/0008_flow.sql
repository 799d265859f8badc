-- +goose Up
CREATE TABLE flow (
    id            TEXT NOT NULL PRIMARY KEY, -- public
    browser       BYTEA, -- secret
    relying_party TEXT NOT NULL, -- personal
    reference     TEXT NOT NULL, -- public
    state         BYTEA, -- secret
    ip_index      TEXT, -- personal
    created_at    BIGINT NOT NULL, -- public
    posted_at     BIGINT, -- public
    expires_at    BIGINT NOT NULL, -- public
    ended_at      BIGINT, -- public
    row_version   BIGINT NOT NULL -- public
);
CREATE INDEX flow_browser ON flow (browser) WHERE browser IS NOT NULL AND ended_at IS NULL;
CREATE INDEX flow_ip ON flow (ip_index) WHERE ip_index IS NOT NULL;
CREATE INDEX flow_reference ON flow (reference);
CREATE INDEX flow_expires ON flow (expires_at);
