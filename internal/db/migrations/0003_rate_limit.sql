-- Counters of the limiter (internal/ratelimit). The key is a keyed digest, so
-- no address and no IP address stands here.
-- +goose Up
CREATE TABLE rate_limit (
    id      TEXT NOT NULL, -- public
    bucket  BIGINT NOT NULL, -- public
    hits    BIGINT NOT NULL, -- public
    ends_at BIGINT NOT NULL, -- public
    PRIMARY KEY (id, bucket)
);
CREATE INDEX rate_limit_ends ON rate_limit (ends_at);
