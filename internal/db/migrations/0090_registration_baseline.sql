-- +goose Up

-- The settings of a service as its registration made them, as JSON: where the settings in
-- force are others, an operator changed them since, and they stay when the service changes
-- its registration. They count while baseline_at is changed_at; NULL for registrations that
-- are older, whose metadata says the same.
ALTER TABLE client_registration ADD COLUMN baseline TEXT; -- public
ALTER TABLE client_registration ADD COLUMN baseline_at BIGINT; -- public
