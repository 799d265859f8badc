-- +goose Up

-- How a message goes out: email, text or voice. Rows of an older node are e-mail.
-- Texts and calls wait under the status 'ready', e-mail under 'waiting': a node of the
-- version before takes only what is 'waiting', and would hand a number to the mail server.
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'email'; -- public

CREATE INDEX outbox_lane ON outbox (channel, priority, due_at) WHERE status IN ('waiting', 'ready');
CREATE INDEX outbox_account_lane ON outbox (account) WHERE account IS NOT NULL AND status IN ('waiting', 'ready');
