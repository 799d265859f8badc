-- +goose Up

-- With what a session was opened, in words of closed lists ("Firefox", "Android"), so
-- that its owner knows it again; '' when it is not known, or the session is older.
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT ''; -- personal
ALTER TABLE session ADD COLUMN system TEXT NOT NULL DEFAULT ''; -- personal
