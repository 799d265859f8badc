-- +goose Up

-- The first of the sessions that followed each other in one browser for one account, each
-- replacing the one before when its owner signed in anew; NULL when it is the session itself,
-- or the row is older. What was given in any of them ends with the last of them.
ALTER TABLE session ADD COLUMN lineage TEXT;             -- personal
ALTER TABLE authorization_grant ADD COLUMN lineage TEXT; -- personal
CREATE INDEX authorization_grant_lineage ON authorization_grant (lineage);
