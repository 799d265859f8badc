// Package otp is the one-time code that is sent by e-mail or text or said in a
// call: six digits, good for ten minutes, once (SP 800-63B-4, 3.1.3.2).
//
// A code belongs to a Binding: the account, the authenticator it was sent to, what
// it is for, and the journey or session in which it was asked for. It is worth
// nothing under another one, and nothing once its journey or session has ended: whoever
// takes a code loads these first. Codes.Draft makes it before the transaction in which
// Codes.Issue stores it and the message is queued; the earlier code of the binding
// ends, and how often codes are sent is limited. Codes.Try counts a try before it
// compares, and Codes.Redeem uses a matched code up.
//
// So few digits are guessed soon: the journey counts each try at the
// authenticator too (authenticator.Authenticators.Attempt), whose counter no new
// code resets. A code by e-mail only proves the address: it is no authentication
// by the same standard (3.1.3.1), and policy never counts it as AAL2.
package otp

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// ID names one code.
type ID string

// Channel is how a code is sent.
type Channel = authenticator.Channel

// The channels.
const (
	Email = authenticator.ByEmail
	Text  = authenticator.ByText
	Voice = authenticator.ByVoice
)

// Purpose is what a code is for. A code for one purpose is worth nothing for another.
type Purpose string

// The purposes.
const (
	SignIn  Purpose = "sign-in"  // prove a method that is bound
	SetUp   Purpose = "set-up"   // prove a number that is to be bound
	Recover Purpose = "recovery" // get back into an account
)

// Binding is all that a code belongs to. Account, Authenticator, Purpose and one of
// Flow and Session are needed.
type Binding struct {
	Account       id.Account
	Authenticator authenticator.ID // also of one that is being set up
	Purpose       Purpose
	Flow          id.Flow
	Session       id.Session
}

var errBinding = errors.New("otp: a code is bound to an account, an authenticator, a purpose, and a journey or session")

func (b Binding) check() error {
	if b.Account == "" || b.Authenticator == "" || b.Purpose == "" || (b.Flow == "" && b.Session == "") {
		return errBinding
	}
	return nil
}

// args are the values of the primary key, before others.
func (b Binding) args(more ...any) []any {
	return append([]any{b.Account, b.Authenticator, b.Purpose, b.Flow, b.Session}, more...)
}

// row is what the HMAC of a code is made over beside the code, so that a row that
// somebody copied in the database is worth nothing in another place.
func (b Binding) row(code ID) string {
	return strings.Join([]string{
		string(code), string(b.Account), string(b.Authenticator), string(b.Purpose), string(b.Flow), string(b.Session),
	}, "|")
}

// Draft is a code that is to be sent.
type Draft struct {
	ID    ID
	Code  string        // digits
	Lasts time.Duration // it can be used no longer than this; 0: as long as its channel's codes
}

// String keeps the code out of formatted texts.
func (Draft) String() string { return "(code)" }

// GoString keeps the code out of formatted texts.
func (Draft) GoString() string { return "(code)" }

// LogValue keeps the code out of the log.
func (Draft) LogValue() slog.Value { return slog.StringValue("(code)") }

// Codes are the one-time codes in the database. All fields are needed.
type Codes struct {
	Keys     *secret.Keys
	Settings Settings
}

// Draft makes a code, before the transaction.
func (c Codes) Draft() Draft {
	return Draft{ID: id.New[ID](), Code: secret.NewCode(c.Settings.Digits)}
}

// Parse reads a code as people type it, see authenticator.ParseCode.
func (c Codes) Parse(typed string) (string, error) {
	return authenticator.ParseCode(typed, c.Settings.Digits)
}

// lifetime is how long a code can be used that goes out by a channel.
func (c Codes) lifetime(d Draft, by Channel) time.Duration {
	out := c.Settings.Lifetime
	if by == Email {
		out = c.Settings.EmailLifetime
	}
	if d.Lasts > 0 {
		out = min(out, d.Lasts)
	}
	return out
}
