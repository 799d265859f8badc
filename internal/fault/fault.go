// Package fault holds the kinds of error that cross package borders.
//
// A package that refuses something a person or a service did returns an *Error
// with a Kind and a message key of the catalogues. Every other error is
// internal: its text goes to the log and is never shown. The one map from a
// kind to an HTTP status stands in web/kit. A denial that must leave a trace in
// the database is a value, not a fault: the fault is made after the commit.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds. Anything that is none of the others is Internal.
const (
	Invalid     Kind = "invalid"     // what was sent cannot be accepted as it is
	NotFound    Kind = "not_found"   // there is no such thing, or it is not yours
	Conflict    Kind = "conflict"    // it changed in the meantime
	Denied      Kind = "denied"      // you may not
	Expired     Kind = "expired"     // it was valid once
	Throttled   Kind = "throttled"   // too often; see RetryAfter
	Unavailable Kind = "unavailable" // try again later; see RetryAfter
	Internal    Kind = "internal"    // our mistake
)

// Error is an error that may be shown: as the catalogue's text for Key, never as Err.
type Error struct {
	Kind       Kind
	Key        string        // message key in the catalogues, e.g. "error.address.format"
	Field      string        // name of the form field or parameter it is about, if any
	Args       []any         // values of the message's placeholders: name, value, name, value …
	RetryAfter time.Duration // for Throttled and Unavailable; 0: not known
	Err        error         // the cause, for the log only
}

// New makes an error of a kind with a catalogue key.
func New(kind Kind, key string) *Error { return &Error{Kind: kind, Key: key} }

// Wrap makes an error of a kind around a cause that only the log sees.
func Wrap(kind Kind, key string, err error) *Error { return &Error{Kind: kind, Key: key, Err: err} }

// On makes an error about one field of a form or request.
func On(field string, kind Kind, key string, args ...any) *Error {
	return &Error{Kind: kind, Key: key, Field: field, Args: args}
}

// Retry makes a Throttled or Unavailable error that says how long to wait.
func Retry(kind Kind, key string, after time.Duration) *Error {
	return &Error{Kind: kind, Key: key, RetryAfter: after}
}

// Error is the text for the log.
func (e *Error) Error() string {
	text := string(e.Kind) + ": " + e.Key
	if e.Field != "" {
		text += " (" + e.Field + ")"
	}
	if e.Err != nil {
		text = fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of an error; Internal for every error that is no *Error.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether an error is of a kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
