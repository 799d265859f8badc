package db

import (
	"database/sql"
	"time"
)

// Millis is an instant as the database keeps it: Unix milliseconds.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// Time is an instant read from the database, in UTC.
func Time(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

// NullTime scans a nullable column of Unix milliseconds into t: the zero time for NULL.
func NullTime(t *time.Time) any { return &nullTime{into: t} }

type nullTime struct{ into *time.Time }

// Scan implements sql.Scanner.
func (n *nullTime) Scan(value any) error {
	var v sql.NullInt64
	if err := v.Scan(value); err != nil {
		return err
	}
	*n.into = time.Time{}
	if v.Valid {
		*n.into = Time(v.Int64)
	}
	return nil
}

// ScanTime scans a column of Unix milliseconds that is never NULL into t.
func ScanTime(t *time.Time) any { return NullTime(t) }

// NullText is an argument for a nullable column: NULL for the empty string.
func NullText[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// ScanText scans a nullable text column into s: the empty string for NULL.
func ScanText[T ~string](s *T) any { return &nullText[T]{into: s} }

type nullText[T ~string] struct{ into *T }

// Scan implements sql.Scanner.
func (n *nullText[T]) Scan(value any) error {
	var v sql.NullString
	if err := v.Scan(value); err != nil {
		return err
	}
	*n.into = T(v.String)
	return nil
}
