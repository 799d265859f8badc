-- +goose Up

-- The services that were visited in a session and want to be told of its end. origin is
-- the session that the sid they know is made of: an older one, where the same person has
-- signed in anew in the same browser since.
CREATE TABLE session_party (
    session        TEXT NOT NULL,    -- personal
    relying_party  TEXT NOT NULL,    -- personal
    origin         TEXT NOT NULL,    -- personal
    account        TEXT NOT NULL,    -- personal
    subject        TEXT NOT NULL,    -- personal
    ends_at        BIGINT NOT NULL,  -- public
    PRIMARY KEY (session, relying_party, origin)
);
CREATE INDEX session_party_account ON session_party (account);
CREATE INDEX session_party_ends_at ON session_party (ends_at);

-- What services are still to be told of ended sessions (OpenID Connect Back-Channel Logout
-- 1.0). A row that is taken for delivery becomes due again when that has failed.
CREATE TABLE logout_notice (
    relying_party  TEXT NOT NULL,    -- personal
    origin         TEXT NOT NULL,    -- personal
    subject        TEXT NOT NULL,    -- personal
    attempts       BIGINT NOT NULL,  -- public
    created_at     BIGINT NOT NULL,  -- personal
    due_at         BIGINT NOT NULL,  -- public
    PRIMARY KEY (relying_party, origin)
);
CREATE INDEX logout_notice_due_at ON logout_notice (due_at);
