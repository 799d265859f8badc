package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"parvis/internal/fault"
)

// Errors of this package. Compare with errors.Is.
var (
	// ErrNoRows says that a query for one row found none.
	ErrNoRows = errors.New("db: no rows")
	// ErrNotOne says that ExecOne touched no row or several.
	ErrNotOne = errors.New("db: not exactly one row")
	// ErrUnavailable says that the database could not do the work now. It comes
	// wrapped in a fault of kind Unavailable with a time to wait.
	ErrUnavailable = errors.New("db: unavailable")
	// ErrClosed says that the database was closed.
	ErrClosed = errors.New("db: closed")
)

// retryAfter is what a refused caller is told to wait.
const retryAfter = 2 * time.Second

// unavailable wraps a cause as a fault that tells the caller to come back.
func unavailable(cause error) error {
	return &fault.Error{
		Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: retryAfter,
		Err: fmt.Errorf("%w: %w", ErrUnavailable, cause),
	}
}

// PanicError is what Read, Write and WriteStatement return when the closure panicked.
// Its work is rolled back; that of its neighbours is not.
type PanicError struct {
	Value any
	Stack []byte
}

// Error is the text for the log, with the stack of the panic.
func (e *PanicError) Error() string {
	return fmt.Sprintf("db: a transaction panicked: %v\n%s", e.Value, e.Stack)
}

// repeatable reports a serialization failure or a deadlock: run the closure again.
func repeatable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// broken reports that the connection or the server is at fault, not the statement.
func broken(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// 08 connection, 53 resources, 57P0x shutdown or start, 25006 a server that became read-only
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") ||
			strings.HasPrefix(pg.Code, "57P") || pg.Code == "25006"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return endsBatch(lite) || lite.Code()&0xff == sqlite3.SQLITE_BUSY || lite.Code()&0xff == sqlite3.SQLITE_LOCKED
	}
	_, network := errors.AsType[net.Error](err)
	return network || strings.Contains(err.Error(), "conn closed")
}

// endsBatch reports the SQLite errors after which the whole transaction may be
// gone, not only the statement (sqlite.org/lang_transaction.html, section 3).
func endsBatch(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	lite, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB:
		return true
	default:
		return false
	}
}
