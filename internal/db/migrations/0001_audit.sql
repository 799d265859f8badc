-- Security events (internal/audit). Rows are inserted unnumbered in the
-- transaction of what they record; a job numbers and chains them later.
-- +goose Up
CREATE TABLE audit_event (
    id              TEXT NOT NULL PRIMARY KEY, -- public
    at              BIGINT NOT NULL, -- public
    name            TEXT NOT NULL, -- public
    account         TEXT, -- public
    relying_party   TEXT, -- public
    session         TEXT, -- public
    flow            TEXT, -- public
    outcome         TEXT NOT NULL, -- public
    reason          TEXT NOT NULL, -- public
    data            TEXT NOT NULL, -- public
    ip              BYTEA, -- personal
    user_agent      BYTEA, -- personal
    address         BYTEA, -- personal
    personal_salt   BYTEA, -- secret
    personal_digest BYTEA, -- public
    number          BIGINT, -- public
    chain           BYTEA -- public
);
CREATE UNIQUE INDEX audit_event_number ON audit_event (number);
CREATE INDEX audit_event_unchained ON audit_event (at, id) WHERE number IS NULL;
CREATE INDEX audit_event_account ON audit_event (account, at) WHERE account IS NOT NULL;
CREATE INDEX audit_event_personal ON audit_event (at) WHERE personal_salt IS NOT NULL;

CREATE TABLE audit_head (
    id     TEXT NOT NULL PRIMARY KEY, -- public
    number BIGINT NOT NULL, -- public
    chain  BYTEA NOT NULL -- public
);

CREATE TABLE audit_checkpoint (
    number    BIGINT NOT NULL PRIMARY KEY, -- public
    at        BIGINT NOT NULL, -- public
    chain     BYTEA NOT NULL, -- public
    signature TEXT NOT NULL -- public
);
