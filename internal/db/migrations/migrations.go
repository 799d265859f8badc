// Package migrations holds the schema as numbered SQL files, one text for
// SQLite and PostgreSQL, which internal/db applies in order and never takes
// back.
//
// Each file belongs to the package whose tables it makes. Every column line
// ends with "-- public", "-- personal" or "-- secret", which says what a copy
// of the database would give away; a test refuses an unmarked one. A file that
// was released is never changed: a change is a new file, which first only adds
// what the running version can ignore, and takes away a version later.
package migrations

import "embed"

// Files are the migrations.
//
//go:embed *.sql
var Files embed.FS
