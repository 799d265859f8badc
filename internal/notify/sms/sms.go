// Package sms hands text messages and calls to a provider, by HTTP.
//
// Five are spoken to: GC Notify and GOV.UK Notify, Twilio and whatever speaks its
// interface, AWS SNS, and a generic webhook for everything else. Each is one small type that
// makes a request of a letter and reads what the provider says of it; Transport does the
// rest alike for all: one guarded call (package outbound), and the verdict. A provider that
// does not answer, refuses our key or asks for peace closes the way out for a while and
// costs no message; a number that takes no messages ends the message and is reported; the
// rest is tried again or given up.
//
// A call that broke may have arrived: the message is then sent again, with the same code.
package sms

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

// Transport delivers texts and calls. Make it with New; safe for concurrent use.
type Transport struct {
	client   *outbound.Client
	now      func() time.Time
	provider provider
	name     Provider
}

// provider is what differs from one provider to the next.
type provider interface {
	// request makes the call that sends a letter.
	request(l notice.Letter, at time.Time) (outbound.Request, error)
	// checks makes calls that send nothing and are answered with 2xx when settings and key are right.
	checks(at time.Time) []outbound.Request
	// read finds in the body of an answer other than 2xx what the provider says.
	read(body []byte) said
}

// said is what a provider says of a message that it did not take.
type said struct {
	code   string             // its own code
	text   string             // its words, for the log
	number notify.NumberState // "" nothing is wrong with the number
	down   bool               // it takes no message at the moment, whoever it is for
}

// New makes the transport of a provider. The settings have no Problems.
func New(s Settings, client *outbound.Client, now func() time.Time) (*Transport, error) {
	t := &Transport{client: client, now: now, name: s.Provider}
	switch s.Provider {
	case GCNotify, GOVUKNotify:
		t.provider = notifyAPI{s}
	case Twilio:
		t.provider = twilio{s}
	case SNS:
		t.provider = sns{s}
	case Webhook:
		t.provider = webhook{s}
	default:
		return nil, fmt.Errorf("sms: %q is no provider", s.Provider)
	}
	return t, nil
}

// Deliver sends one text or makes one call. It implements notify.Transport.
func (t *Transport) Deliver(ctx context.Context, l notice.Letter) error {
	now := t.now()
	request, err := t.provider.request(l, now)
	if err != nil {
		return notify.Refused("channel", err)
	}
	answer, err := t.client.Do(ctx, request)
	if err != nil {
		failed := &outbound.Error{Kind: outbound.Unreachable}
		errors.As(err, &failed)
		return notify.Down(string(failed.Kind), err)
	}
	return t.verdict(answer, now)
}

// verdict says what an answer means for the letter; nil: the provider has taken it.
func (t *Transport) verdict(answer *outbound.Response, now time.Time) error {
	if answer.Err() == nil {
		return nil
	}
	words := t.provider.read(answer.Body)
	out := &notify.DeliveryError{
		After: answer.RetryAfter(now), Number: words.number, Code: strings.TrimSpace(strconv.Itoa(answer.Status) + " " + word(words.code)),
		Err: fmt.Errorf("%s: %w: %s", t.name, answer.Err(), bounded(words.text, 200)),
	}
	switch status := answer.Status; {
	case words.number != "":
		out.Permanent = true
	case words.down, status == 401, status == 403, status == 408, status == 429, status == 502, status == 503, status == 504, status < 400:
		out.Down = true // our key, our pace, or the provider itself: no fault of the letter
	case status < 500:
		out.Permanent = true
	}
	return out
}

// Check asks the provider whether settings and key are right, without sending anything.
func (t *Transport) Check(ctx context.Context) error {
	for _, request := range t.provider.checks(t.now()) {
		answer, err := t.client.Do(ctx, request)
		if err != nil {
			return fmt.Errorf("sms: %w", err)
		}
		if err := answer.Err(); err != nil {
			words := t.provider.read(answer.Body)
			return fmt.Errorf("sms: %w %s: %s", err, word(words.code), bounded(words.text, 200))
		}
	}
	return nil
}

// word is a provider's code as it may stand in the audit trail: letters and digits, not long,
// and nothing that could be a telephone number or a one-time code.
func word(code string) string {
	return bounded(longNumber.ReplaceAllString(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, code), ""), 60)
}

// longNumber is a number longer than any provider's code.
var longNumber = regexp.MustCompile(`[0-9]{6,}`) //nolint:gochecknoglobals // a constant

// bounded cuts foreign words.
func bounded(text string, most int) string {
	if len(text) <= most {
		return strings.ToValidUTF8(text, "")
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// errChannel says that a provider makes no calls.
var errChannel = errors.New("sms: the provider does not serve this channel")
