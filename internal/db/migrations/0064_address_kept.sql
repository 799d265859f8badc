-- +goose Up

-- An address that can still be taken back stays reserved for its account: it is found by
-- its index, and a newer mail gives it a newer link (internal/account). Rows of before
-- have none, and reserve nothing.
ALTER TABLE address_change ADD COLUMN address_index TEXT; -- personal
ALTER TABLE address_change ADD COLUMN again_digest BYTEA; -- secret
CREATE INDEX address_change_address ON address_change (address_index) WHERE address_index IS NOT NULL;
CREATE INDEX address_change_again ON address_change (again_digest) WHERE again_digest IS NOT NULL;
