-- +goose Up

-- What exactly a device wants to do, as JSON (RFC 9396); NULL for nothing in particular.
ALTER TABLE device_request ADD COLUMN authorization_details TEXT; -- public
