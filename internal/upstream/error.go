package upstream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"parvis/internal/outbound"
)

// Failure says why a sign-in at a partner came to nothing: what the pages tell people apart by.
type Failure string

// The failures.
const (
	Cancelled Failure = "cancelled" // the person went back without signing in
	Refused   Failure = "refused"   // the partner says no; Error.Code is its reason
	Outage    Failure = "outage"    // the partner cannot be reached, or says that it is out of order
	Slow      Failure = "slow"      // no answer in time
	Invalid   Failure = "invalid"   // an answer that proves nothing; Error.Err says why, for the log only
	Replay    Failure = "replay"    // an answer that does not belong to this request, or was used before
	Stale     Failure = "stale"     // the authentication at the partner is older than demanded
	Weaker    Failure = "weaker"    // the sign-in is worth less than demanded
)

// Error says why a sign-in at a partner came to nothing. Its text is for the log.
type Error struct {
	Failure Failure
	Code    string // the partner's error code, cleaned: never more than 64 safe characters
	Err     error  // the reason, without secrets and personal data
	// ByBrowser says that the failure was told by what the browser brought: it
	// proves nothing about the health of the partner.
	ByBrowser bool
}

// Error is the text for the log.
func (e *Error) Error() string {
	text := "upstream: " + string(e.Failure)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an error with a reason for the log.
func Fail(f Failure, format string, args ...any) *Error {
	return &Error{Failure: f, Err: fmt.Errorf(format, args...)}
}

// FailureOf is the failure of an error; "" when it is none of a partner's.
func FailureOf(err error) Failure {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Failure
	}
	return ""
}

// CodeOf is the partner's error code in an error, cleaned; "" for none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Code != "" {
		return CleanCode(e.Code)
	}
	return ""
}

// codes are error codes as RFC 6749, 4.1.2.1 and its registries have them.
var codes = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// CleanCode is an error code that may be logged and recorded: what does not look
// like one is "other".
func CleanCode(code string) string {
	if codes.MatchString(code) {
		return code
	}
	return "other"
}

// Called makes an *Error of a failed call; what names the call, in words. Nothing
// of it is the partner's fault when our own caller went away: then the error is none
// of these.
func Called(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("upstream: %s: %w", what, ctx.Err())
	}
	e, ok := errors.AsType[*outbound.Error](err)
	switch {
	case !ok:
		return fmt.Errorf("upstream: %s: %w", what, err)
	case e.Kind == outbound.Timeout:
		return &Error{Failure: Slow, Err: fmt.Errorf("%s: %w", what, e)}
	case e.Kind == outbound.TooLarge:
		return &Error{Failure: Invalid, Err: fmt.Errorf("%s: %w", what, e)}
	case e.Kind == outbound.Status && e.Status < 500 && e.Status != 429:
		return &Error{Failure: Invalid, Err: fmt.Errorf("%s: %w", what, e)}
	}
	return &Error{Failure: Outage, Err: fmt.Errorf("%s: %w", what, e)}
}

// CheckTimes compares the instant of an authentication with what was demanded of
// it: not from the future, not older than allowed, after the request when it had to
// be fresh (R54).
func (p Pending) CheckTimes(at, now time.Time, skew time.Duration) error {
	switch {
	case at.IsZero() && (p.Fresh || p.MaxAge != nil):
		return Fail(Invalid, "the partner does not say when the person authenticated, although that was demanded")
	case at.IsZero():
		return nil
	case at.After(now.Add(skew)):
		return Fail(Invalid, "the person authenticated in the future")
	case p.Fresh && at.Before(p.At.Add(-skew)):
		return Fail(Stale, "the person authenticated before this request")
	case p.MaxAge != nil && now.Sub(at) > *p.MaxAge+skew:
		return Fail(Stale, "the person authenticated longer ago than demanded")
	}
	return nil
}
