package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"
)

// executor runs statements on a connection: liteConn for SQLite, pgConn for PostgreSQL.
type executor interface {
	exec(ctx context.Context, query string, args []any) (int64, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
}

// Tx is one transaction. It is valid until its closure returns and belongs to one goroutine.
type Tx struct {
	ctx    context.Context //nolint:containedctx // a Tx lives exactly as long as the call that made it
	on     executor
	now    time.Time
	open   *Rows    // rows that were not closed yet
	failed error    // first error of a statement: the transaction cannot commit any more
	over   bool     // the closure returned
	after  []func() // run after the commit

	observe func(query string) // may be nil
}

// Now is the instant of this transaction: the same at every call, UTC, whole milliseconds.
func (t *Tx) Now() time.Time { return t.now }

// AfterCommit runs f once after this transaction has committed, never before,
// and not at all when it rolls back.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// Exec runs a statement and tells how many rows it touched.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	values, err := t.ready(query, args)
	if err != nil {
		return 0, err
	}
	n, err := t.on.exec(t.ctx, query, values)
	return n, t.note(err)
}

// ExecOne runs a statement that must touch exactly one row, else ErrNotOne.
func (t *Tx) ExecOne(query string, args ...any) error {
	n, err := t.Exec(query, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return ErrNotOne
	}
	return nil
}

// Query runs a statement that returns rows. Close them before the next statement, or use Collect.
func (t *Tx) Query(query string, args ...any) (*Rows, error) {
	values, err := t.ready(query, args)
	if err != nil {
		return nil, err
	}
	rows, err := t.on.query(t.ctx, query, values) //nolint:rowserrcheck // Rows.Close checks it
	if err != nil {
		return nil, t.note(err)
	}
	t.open = &Rows{tx: t, rows: rows}
	return t.open, nil
}

// QueryRow runs a statement for one row. Scan must be called on what it returns.
func (t *Tx) QueryRow(query string, args ...any) *Row {
	rows, err := t.Query(query, args...)
	return &Row{rows: rows, err: err}
}

// ready refuses statements in a transaction that is over, failed, or has open rows.
func (t *Tx) ready(query string, args []any) ([]any, error) {
	switch {
	case t.over:
		return nil, errors.New("db: the transaction is over: a *Tx must not leave its closure")
	case t.failed != nil:
		return nil, fmt.Errorf("db: the transaction failed before: %w", t.failed)
	case t.open != nil:
		return nil, t.note(errors.New("db: rows are still open: close them before the next statement"))
	}
	if t.observe != nil {
		t.observe(query)
	}
	values, err := normalize(args)
	return values, t.note(err)
}

// note remembers the first failure of a statement and names its origin.
func (t *Tx) note(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("db: %w", err)
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// run calls the closure once and reports what became of it: nil only when it
// may commit. A panic is returned as a *PanicError. When the goroutine is ending
// (runtime.Goexit, as t.Fatal does), done is false while the caller's defers run.
func (t *Tx) run(fn func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
		left := t.open
		if left != nil {
			_ = left.Close() // what matters is that they were left open
		}
		t.over = true
		if err == nil && t.failed != nil {
			err = t.failed
		}
		if err == nil && left != nil {
			err = errors.New("db: the closure left rows open")
		}
	}()
	return fn(t)
}

// committed runs what waited for the commit.
func (t *Tx) committed() {
	for _, f := range t.after {
		f()
	}
}

// normalize turns arguments into the four kinds that mean the same on both engines.
func normalize(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		v, err := plain(a)
		if err != nil {
			return nil, fmt.Errorf("argument $%d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}

func plain(a any) (any, error) {
	switch v := a.(type) {
	case nil, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case []byte:
		if v == nil {
			return nil, nil //nolint:nilnil // SQL NULL
		}
		return v, nil
	case time.Time, bool, float64, float32:
		return nil, fmt.Errorf("a %T is not portable: use milliseconds, a nullable time or an integer", a)
	case driver.Valuer:
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		return plain(value)
	}
	r := reflect.ValueOf(a)
	switch r.Kind() {
	case reflect.String:
		return r.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(r.Uint()), nil
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return plain(r.Bytes())
		}
	case reflect.Pointer:
		if r.IsNil() {
			return nil, nil //nolint:nilnil // SQL NULL
		}
		return plain(r.Elem().Interface())
	default:
	}
	return nil, fmt.Errorf("a %T cannot be stored: use a string, an integer or bytes", a)
}
