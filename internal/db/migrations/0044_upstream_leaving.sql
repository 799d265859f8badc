-- +goose Up

-- Somebody who has signed out here and may choose to sign out at the partner, too:
-- minutes, sealed, for the browser in which it was. asked is the request that was made
-- of the partner, found by a digest of its relay state and taken with the answer.
CREATE TABLE upstream_leaving (
    browser      BYTEA NOT NULL,  -- secret
    provider     TEXT NOT NULL,   -- public
    session_id   TEXT NOT NULL,   -- public
    presence     BYTEA NOT NULL,  -- secret
    state        BYTEA,           -- secret
    asked        BYTEA,           -- secret
    expires_at   BIGINT NOT NULL, -- public
    PRIMARY KEY (browser, provider)
);
CREATE INDEX upstream_leaving_expires ON upstream_leaving (expires_at);
