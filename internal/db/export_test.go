package db

import (
	"database/sql"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// Bare opens the database of d without anything of this package in between.
func Bare(d *DB) (*sql.DB, error) {
	kind, rest, err := parseURL(d.settings.URL)
	if err != nil {
		return nil, err
	}
	if kind == SQLite {
		return sql.Open("sqlite", dsn(rest, false))
	}
	return sql.Open("pgx", rest)
}
