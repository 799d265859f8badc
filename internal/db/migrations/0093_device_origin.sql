-- +goose Up

-- From where a device asked, as JSON, sealed, so that its person can tell it from another one
-- (RFC 8628, 5.4): its network address and the system that it says it is. NULL when it did not
-- ask itself, and once somebody has decided.
ALTER TABLE device_request ADD COLUMN origin BYTEA; -- personal
