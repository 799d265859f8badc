// Package smtp hands letters to a mail server.
//
// The connection is protected by STARTTLS or TLS unless the server is on the same
// machine; a server that stops offering STARTTLS is an error, not a reason to go on in
// the clear. A connection is kept for a few seconds for the next letter. What the server
// answers decides what becomes of a letter (classify): a closed way out, a refusal of our
// own sender and 421 stop everything for a while and cost no letter; a 5xx to the
// recipient or the text ends the letter; the rest is tried again.
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	wire "github.com/wneessen/go-mail/smtp"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

// Transport delivers by SMTP. Use a pointer; safe for concurrent use.
type Transport struct {
	Settings notify.Settings

	mu   sync.Mutex
	idle []*line
}

// line is one connection to the server.
type line struct {
	sender *mail.Client
	client *wire.Client
	conn   net.Conn // below TLS: closing it ends whatever waits on it
	reaper *time.Timer
}

// close ends the line at once.
func (l *line) close() { _ = l.conn.Close() }

// hangUp says goodbye first, within two seconds.
func (l *line) hangUp() {
	if l.client.UpdateDeadline(2*time.Second) == nil {
		_ = l.client.Quit() // the letters are delivered already
	}
	l.close()
}

// Deliver sends one letter. It implements notify.Transport.
func (t *Transport) Deliver(ctx context.Context, letter notice.Letter) error {
	msg, err := t.compose(letter)
	if err != nil {
		return notify.Refused("address", err)
	}
	for kept := t.take(); kept != nil; kept = t.take() {
		err = t.send(ctx, kept, msg)
		if !errors.Is(err, errDead) {
			return err
		}
		// the server had hung up in the meantime: that says nothing about the letter
	}
	fresh, err := t.dial(ctx)
	if err != nil {
		return err
	}
	return t.send(ctx, fresh, msg)
}

// Check connects, protects the connection and signs in, as a delivery would, and hangs up.
func (t *Transport) Check(ctx context.Context) error {
	l, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer l.hangUp()
	if err := l.client.Noop(); err != nil {
		return fmt.Errorf("smtp: NOOP: %w", err)
	}
	return nil
}

// Close hangs up the connections that are kept.
func (t *Transport) Close() {
	for l := t.take(); l != nil; l = t.take() {
		l.hangUp()
	}
}

// errDead says that a line was dead before the letter's first command.
var errDead = errors.New("smtp: the connection was closed")

// send sends a letter over a line, and keeps the line or ends it.
func (t *Transport) send(ctx context.Context, l *line, msg *mail.Msg) error {
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	if err := l.client.UpdateDeadline(t.Settings.Server.Timeout); err != nil {
		l.close()
		return notify.Later("connection", errors.Join(errDead, err))
	}
	recipients, err := msg.GetRecipients()
	if err != nil {
		t.keep(l)
		return notify.Refused("address", err)
	}
	plain := isASCII(strings.Join(recipients, ""))
	if supported, _ := l.client.Extension("SMTPUTF8"); !plain && !supported {
		t.keep(l)
		return notify.Refused("smtputf8", errors.New("smtp: the server takes no addresses beyond ASCII"))
	}
	l.client.SkipSMTPUTF8(plain) // else a next hop without it may bounce what needs none
	err = l.sender.SendWithSMTPClient(l.client, msg)
	if err == nil || msg.IsDelivered() {
		t.keep(l)
		return nil
	}
	failed, known := errors.AsType[*mail.SendError](err)
	if known && failed.Reason == mail.ErrConnCheck {
		l.close()
		return notify.Later("connection", errors.Join(errDead, err))
	}
	if known && failed.ErrorCode() != 0 && failed.ErrorCode() != 421 && l.client.Reset() == nil {
		t.keep(l) // the server answered in order
	} else {
		l.close()
	}
	return classify(err)
}

// classify says what an answer of the server means for the letter (RFC 5321, 4.2).
func classify(err error) error {
	failed, known := errors.AsType[*mail.SendError](err)
	if !known || failed.ErrorCode() == 0 {
		return notify.Later("connection", err)
	}
	number := failed.ErrorCode()
	code := fmt.Sprint(number)
	if enhanced := failed.EnhancedStatusCode(); enhanced != "" {
		code += " " + enhanced
	}
	switch {
	case number == 421 || number == 530 || number == 535:
		return notify.Down(code, err) // it shuts down, or wants us to sign in
	case failed.Reason == mail.ErrSMTPMailFrom:
		return notify.Down(code, err) // it does not want our sender: no fault of the letter
	case number >= 500:
		return notify.Refused(code, err)
	}
	return notify.Later(code, err)
}

// dial connects. Every failure here is about the way out, never about a letter.
func (t *Transport) dial(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Settings.Server.Timeout)
	defer cancel()
	l := &line{}
	stop := func() bool { return true }
	sender, err := t.sender(func(conn net.Conn) {
		l.conn = conn
		stop = context.AfterFunc(ctx, l.close)
	})
	if err != nil {
		return nil, notify.Down("settings", err)
	}
	l.sender = sender
	l.client, err = sender.DialToSMTPClientWithContext(ctx)
	stop()
	if err != nil {
		if l.conn != nil {
			l.close()
		}
		return nil, notify.Down("connect", err)
	}
	return l, nil
}

// sender makes the client of one connection; connected is called with the bare connection.
func (t *Transport) sender(connected func(net.Conn)) (*mail.Client, error) {
	s := t.Settings.Server
	secure := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("smtp: mail.server.ca_file: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("smtp: mail.server.ca_file: %s holds no PEM certificate", s.CAFile)
		}
	}
	options := []mail.Option{
		mail.WithPort(s.Port), mail.WithTimeout(s.Timeout), mail.WithTLSConfig(secure), mail.WithoutRset(),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			connected(conn)
			if s.TLS == notify.TLSImplicit {
				return tls.Client(conn, secure), nil
			}
			return conn, nil
		}),
	}
	switch s.TLS {
	case notify.TLSStart:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case notify.TLSImplicit:
		// the line is TLS already; this only lets go-mail find that out for the sign-in
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case notify.TLSNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("smtp: mail.server.tls: %q", s.TLS)
	}
	if s.Hello != "" {
		options = append(options, mail.WithHELO(s.Hello))
	}
	if s.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(s.Username), mail.WithPassword(s.Password))
	}
	return mail.NewClient(s.Host, options...)
}

// take is a line that was kept, or nil.
func (t *Transport) take() *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.idle) > 0 {
		l := t.idle[len(t.idle)-1]
		t.idle = t.idle[:len(t.idle)-1]
		if l.reaper.Stop() {
			return l
		}
		l.close() // its time is over, the reaper only waits for the lock
	}
	return nil
}

// keep puts a line aside for the next letter, or hangs up.
func (t *Transport) keep(l *line) {
	if t.Settings.Server.Idle <= 0 {
		l.hangUp()
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l.reaper = time.AfterFunc(t.Settings.Server.Idle, func() {
		t.mu.Lock()
		t.idle = slices.DeleteFunc(t.idle, func(other *line) bool { return other == l })
		t.mu.Unlock()
		l.hangUp()
	})
	t.idle = append(t.idle, l)
}
