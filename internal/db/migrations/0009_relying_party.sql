-- +goose Up

-- A partner service of the database. Those of the configuration file have no row.
CREATE TABLE relying_party (
    id                  TEXT PRIMARY KEY, -- public
    settings            TEXT NOT NULL,    -- public
    secret              BYTEA,            -- secret
    former_secret       BYTEA,            -- secret
    former_secret_ends  BIGINT,           -- public
    created_at          BIGINT NOT NULL,  -- public
    changed_at          BIGINT NOT NULL,  -- public
    disabled_at         BIGINT            -- public
);

-- One row whose number grows with every change; nodes poll it.
CREATE TABLE relying_party_revision (
    id        BIGINT PRIMARY KEY, -- public
    revision  BIGINT NOT NULL     -- public
);

INSERT INTO relying_party_revision (id, revision) VALUES (1, 1);
