// Package notify tells people what happened to their account.
//
// It owns the outbox that messages wait in and the worker that delivers them; what they
// say is of package notice. A journey calls Outbox.Queue with the transaction of
// what the message tells about, so that it is sent exactly when its cause is
// committed; the worker delivers after the commit, on any node, and wipes what it
// delivered. Each channel has a lane of its own, so that a slow provider of text
// messages never holds up a mail.
//
// Refused here: a channel that the deployment has no way out for.
//
// Delivery is at least once: a node that dies between the mail server's "accepted"
// and the commit sends again, under the same Message-ID.
package notify

import (
	"context"
	"log/slog"
	"time"

	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// Message is one message that a journey asks for.
type Message struct {
	Channel notice.Channel // zero value: Email
	To      string         // address as its owner wrote it; a number as +15551234567 for Text and Voice (E.164)
	Locale  string         // "en" or "fr"; anything else means the deployment's first language
	Data    notice.Data    // one of the types of this package: notice.Activate, notice.OneTimeCode …; Text and Voice take a Spoken one
	Account id.Account     // whose account it is about; "" when there is none
	Expires time.Time      // not delivered after this instant; zero: Settings.Expire after it was queued
	Once    string         // when set, further messages with the same value are dropped while the first is on record
}

// LogValue keeps addresses, names and secrets out of logs.
func (m Message) LogValue() slog.Value {
	if m.Data == nil {
		return slog.StringValue("(message)")
	}
	return slog.StringValue("(message " + string(m.Data.Kind()) + ")")
}

// Transport hands letters to the outside.
//
// Deliver returns nil when the letter was accepted for good. An error made by
// Refused ends the letter; one made by Down says that nothing can be delivered at
// the moment; every other error is about this letter and may pass.
type Transport interface {
	Deliver(ctx context.Context, letter notice.Letter) error
}

// DeliveryError says why a letter was not accepted.
type DeliveryError struct {
	Permanent bool          // it will never be accepted
	Down      bool          // the way out is closed for every letter
	Number    NumberState   // what the provider says of the number itself; "" nothing
	After     time.Duration // the other side asks not to try again before; 0: it does not say
	Code      string        // the server's reply code or a word of ours; no address, no free text
	Err       error         // the cause, for the log
}

// NumberState is what a provider says of a telephone number for good.
type NumberState string

// What can be wrong with a number.
const (
	NumberInvalid     NumberState = "invalid"     // nobody has it, or it is not a number
	NumberUnreachable NumberState = "unreachable" // it takes no such message: a landline, a blocked country or carrier
	NumberStopped     NumberState = "stopped"     // its owner answered STOP, or asked the provider not to be written to
)

// StoppedNumber is a number that no message can be sent to.
type StoppedNumber struct {
	Account id.Account // whose message it was; "" when there was none
	Channel notice.Channel
	Number  string // E.164
	State   NumberState
}

// LogValue keeps the number out of logs.
func (s StoppedNumber) LogValue() slog.Value {
	return slog.StringValue("(" + string(s.Channel) + " number " + string(s.State) + ")")
}

// Error is the text for the log.
func (e *DeliveryError) Error() string {
	text := "notify: delivery (" + e.Code + ")"
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// Refused makes the error of a letter that will never be accepted.
func Refused(code string, err error) error {
	return &DeliveryError{Permanent: true, Code: code, Err: err}
}

// Later makes the error of a letter that was not accepted this time.
func Later(code string, err error) error { return &DeliveryError{Code: code, Err: err} }

// Down makes the error of a way out that is closed for every letter.
func Down(code string, err error) error { return &DeliveryError{Down: true, Code: code, Err: err} }
