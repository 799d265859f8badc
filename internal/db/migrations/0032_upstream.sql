-- +goose Up

-- A sign-in partner of the database. Those of the configuration file have no row.
-- Its credentials (client secret, private keys) are sealed.
CREATE TABLE upstream_provider (
    id           TEXT NOT NULL PRIMARY KEY, -- public
    settings     TEXT NOT NULL,             -- public
    credentials  BYTEA,                     -- secret
    created_at   BIGINT NOT NULL,           -- public
    changed_at   BIGINT NOT NULL,           -- public
    disabled_at  BIGINT                     -- public
);

-- One row whose number grows with every change; nodes poll it.
CREATE TABLE upstream_revision (
    id        BIGINT NOT NULL PRIMARY KEY, -- public
    revision  BIGINT NOT NULL              -- public
);

INSERT INTO upstream_revision (id, revision) VALUES (1, 1);

-- The link of an account to what it is at a sign-in partner: the issuer, and the
-- subject there, sealed, and found by a blind index of both. Nothing else that a
-- partner says is kept.
CREATE TABLE upstream_link (
    id             TEXT NOT NULL PRIMARY KEY, -- public
    account_id     TEXT NOT NULL,             -- public
    issuer         TEXT NOT NULL,             -- personal
    subject        BYTEA NOT NULL,            -- personal
    subject_index  TEXT NOT NULL,             -- personal
    linked_at      BIGINT NOT NULL,           -- personal
    used_at        BIGINT                     -- personal
);
CREATE UNIQUE INDEX upstream_link_subject ON upstream_link (subject_index);
CREATE INDEX upstream_link_account ON upstream_link (account_id);

-- A sign-in partner that the owner of an account never uses and has blocked.
CREATE TABLE upstream_block (
    account_id  TEXT NOT NULL,   -- public
    issuer      TEXT NOT NULL,   -- personal
    blocked_at  BIGINT NOT NULL, -- personal
    PRIMARY KEY (account_id, issuer)
);
