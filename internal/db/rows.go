package db

import "database/sql"

// Row is the answer to QueryRow.
type Row struct {
	rows *Rows
	err  error
}

// Scan reads the row's columns and closes it. ErrNoRows when there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if !r.rows.Next() {
		if err := r.rows.Close(); err != nil {
			return err
		}
		return ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		_ = r.rows.Close() // the first error is the one to tell
		return err
	}
	return r.rows.Close()
}

// Rows is the answer to Query: call Next, Scan, and at the end Close.
type Rows struct {
	tx   *Tx
	rows *sql.Rows
	done bool
	err  error
}

// Next moves to the next row; false at the end and after an error, which Close returns.
func (r *Rows) Next() bool { return !r.done && r.rows.Next() }

// Scan reads the columns of the current row. Named string types, *[]byte and
// the scanners of this package (NullTime, ScanText) can be given.
func (r *Rows) Scan(dest ...any) error { return r.tx.note(r.rows.Scan(dest...)) }

// Close ends the query and returns the error that ended it early, if any. It may be called twice.
func (r *Rows) Close() error {
	if r.done {
		return r.err
	}
	r.done = true
	r.tx.open = nil
	err := r.rows.Err()
	if e := r.rows.Close(); err == nil {
		err = e
	}
	r.err = r.tx.note(err)
	return r.err
}

// Collect reads all rows of a query and closes it. rows and err are what Query
// returned; scan makes one value of the current row:
//
//	rows, err := tx.Query("SELECT name FROM t ORDER BY name")
//	names, err := db.Collect(rows, err, func(r *db.Rows) (name string, err error) { … })
func Collect[T any](rows *Rows, err error, scan func(*Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			_ = rows.Close() // the first error is the one to tell
			return nil, err
		}
		out = append(out, v)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	return out, nil
}
