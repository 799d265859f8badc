-- +goose Up

-- The newest one-time code of each binding: for whom, by what, why and where it
-- was asked for. What is stored is an HMAC over the code and all of these.
CREATE TABLE one_time_code (
    account_id       TEXT NOT NULL, -- public
    authenticator_id TEXT NOT NULL, -- public
    purpose          TEXT NOT NULL, -- public
    flow_id          TEXT NOT NULL, -- public
    session_id       TEXT NOT NULL, -- public
    id               TEXT NOT NULL, -- public
    mac              BYTEA NOT NULL, -- secret
    channel          TEXT NOT NULL, -- public
    tries            BIGINT NOT NULL, -- public
    sends            BIGINT NOT NULL, -- public
    sends_end_at     BIGINT NOT NULL, -- public
    sent_at          BIGINT NOT NULL, -- personal
    expires_at       BIGINT NOT NULL, -- public
    redeemed_at      BIGINT, -- public
    ended_at         BIGINT, -- public
    PRIMARY KEY (account_id, authenticator_id, purpose, flow_id, session_id)
);
CREATE INDEX one_time_code_expires ON one_time_code (expires_at);
