-- +goose Up

-- What a sign-in partner calls the session with which it opened this one: its name for
-- the person and its session there, sealed, so that either side can say which one ends.
-- It is wiped when the session ends. The blind index finds the session by the partner's
-- own identifier of it.
ALTER TABLE session ADD COLUMN there BYTEA; -- secret
ALTER TABLE session ADD COLUMN there_index TEXT; -- personal
CREATE INDEX session_there ON session (there_index);
CREATE INDEX session_there_kept ON session (ends_at) WHERE there IS NOT NULL;
