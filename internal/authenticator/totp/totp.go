// Package totp is the authenticator app: a seed that the app and this service
// share, from which both make a code every 30 seconds (RFC 6238, HMAC-SHA-1, six
// digits: what every app understands).
//
// Prepare makes a seed, before any transaction; the page shows it as a QR code
// (Seed.URI, package qr) and as text (Seed.Key). Apps.Confirm checks the first
// code, and Apps.Bind stores the seed, sealed to its row. At sign-in the journey
// counts the attempt (authenticator.Authenticators.Attempt), finds the app, and
// asks Apps.Accept, which accepts each time step once and never an earlier one,
// on whatever node (RFC 6238, 5.2; SP 800-63B-4, 3.1.4.2).
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"parvis/internal/authenticator"
)

// Fixed numbers of the codes: apps do not read others reliably.
const (
	Digits = 6
	Period = 30 * time.Second
)

// seedBytes is the size of a seed: that of the hash, 160 bits (RFC 4226, 4, R6).
const seedBytes = 20

// encoding is how seeds are written.
var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Seed is the secret that an app and this service share.
type Seed struct{ secret []byte }

// String keeps the seed out of formatted texts.
func (Seed) String() string { return "(seed)" }

// GoString keeps the seed out of formatted texts.
func (Seed) GoString() string { return "(seed)" }

// LogValue keeps the seed out of the log.
func (Seed) LogValue() slog.Value { return slog.StringValue("(seed)") }

// Draft is an app that is being set up. Keep its identifier and Seed.Secret in the
// sealed state of the journey until the first code is confirmed.
type Draft struct {
	ID   authenticator.ID
	Seed Seed
}

// Prepare makes the identifier and the seed of a new app.
func Prepare() Draft {
	secret := make([]byte, seedBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return Draft{ID: authenticator.NewID(), Seed: Seed{secret}}
}

// Secret is the seed in base32 without padding: 32 characters.
func (s Seed) Secret() string { return encoding.EncodeToString(s.secret) }

// ParseSeed reads what Secret wrote, and nothing else.
func ParseSeed(text string) (Seed, error) {
	if len(text) != encoding.EncodedLen(seedBytes) {
		return Seed{}, fmt.Errorf("totp: a seed has %d characters", encoding.EncodedLen(seedBytes))
	}
	secret, err := encoding.DecodeString(text)
	if err != nil {
		return Seed{}, fmt.Errorf("totp: a seed is base32: %w", err)
	}
	return Seed{secret}, nil
}

// Key is the seed for people who type it into their app: groups of four.
func (s Seed) Key() []string {
	var out []string
	for text := s.Secret(); text != ""; text = text[4:] {
		out = append(out, text[:4])
	}
	return out
}

// URI is the otpauth address for a QR code or a link on a telephone. Apps show
// issuer and account above the code; neither may be empty, and the account may be
// renamed in the app without harm.
func (s Seed) URI(issuer, account string) (string, error) {
	issuer, account = label(issuer), label(account)
	if issuer == "" || account == "" {
		return "", errors.New("totp: an app needs the names of the service and of the account")
	}
	// The library's own text leaves & and + as they are, which some apps misread.
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		escape(issuer), escape(account), s.Secret(), escape(issuer), Digits, Period/time.Second), nil
}

// escape writes everything but letters, digits and -_.~ in percent form.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// label takes the colon out of a label: apps split it there.
func label(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, ":", " ")), " ")
}

// step is the number of a time step (RFC 6238, 4.2: T).
func step(at time.Time) int64 { return at.Unix() / int64(Period/time.Second) }

// code is the code of one time step.
func (s Seed) code(step int64) (string, error) {
	code, err := hotp.GenerateCodeCustom(s.Secret(), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", fmt.Errorf("totp: %w", err)
	}
	return code, nil
}

// Code is the code that an app shows at an instant.
func (s Seed) Code(at time.Time) (string, error) { return s.code(step(at)) }

// matching are the time steps from first to last whose code is the given one.
func (s Seed) matching(code string, first, last int64) ([]int64, error) {
	var out []int64
	for n := max(0, first); n <= last; n++ {
		want, err := s.code(n)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			out = append(out, n)
		}
	}
	return out, nil
}
