-- +goose Up

-- How a link was made, as far as that limits what it is worth: 'mailbox' when whoever made
-- it had proven nothing but the mailbox; '' else, and of links that are older.
ALTER TABLE upstream_link ADD COLUMN bound_by TEXT NOT NULL DEFAULT ''; -- public
