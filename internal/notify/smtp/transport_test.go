package smtp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	server "github.com/emersion/go-smtp"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

// post is a mail server of the test's own.
type post struct {
	mu       sync.Mutex
	got      []received
	sessions int
	conns    []*server.Conn
	logins   []string
	answer   func(stage, value string) error // what to answer at "mail", "rcpt" or "data"; nil: accept
	password string
}

type received struct {
	from, to string
	utf8     bool
	raw      []byte
}

func (p *post) NewSession(c *server.Conn) (server.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions++
	p.conns = append(p.conns, c)
	return &session{post: p}, nil
}

// hangUp ends all connections with a last word.
func (p *post) hangUp(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_, _ = io.WriteString(c.Conn(), word)
		_ = c.Close()
	}
	p.conns = nil
}

func (p *post) ask(stage, value string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer == nil {
		return nil
	}
	return p.answer(stage, value)
}

func (p *post) set(answer func(stage, value string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *post) mails() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.got...)
}

type session struct {
	post   *post
	mail   received
	logged bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.post.password {
			return server.ErrAuthFailed
		}
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		s.post.logins = append(s.post.logins, user)
		s.logged = true
		return nil
	}), nil
}

func (s *session) Mail(from string, o *server.MailOptions) error {
	if s.post.password != "" && !s.logged {
		return server.ErrAuthRequired
	}
	s.mail = received{from: from, utf8: o.UTF8}
	return s.post.ask("mail", from)
}

func (s *session) Rcpt(to string, _ *server.RcptOptions) error {
	s.mail.to = to
	return s.post.ask("rcpt", to)
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.post.ask("data", string(raw)); err != nil {
		return err
	}
	s.mail.raw = raw
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.post.got = append(s.post.got, s.mail)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// certificate makes a self-signed certificate for localhost and the file that trusts it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// start runs a mail server and gives the transport that speaks to it.
func start(t *testing.T, p *post, way notify.TLS, change ...func(*server.Server)) *Transport {
	t.Helper()
	cert, ca := certificate(t)
	s := server.NewServer(p)
	s.Domain, s.ErrorLog, s.EnableSMTPUTF8 = "localhost", log.New(io.Discard, "", 0), true
	s.ReadTimeout, s.WriteTimeout = time.Minute, time.Minute
	s.AllowInsecureAuth = false
	if way != notify.TLSNone {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	for _, c := range change {
		c(s)
	}
	l := listen(t)
	address := l.Addr().(*net.TCPAddr)
	if way == notify.TLSImplicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return client(t, address.Port, way, ca)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func client(t *testing.T, port int, way notify.TLS, ca string) *Transport {
	t.Helper()
	s := notify.Preset("parvis")
	s.From = "noreply@signin.example.org"
	s.Server = notify.Server{Host: "localhost", Port: port, TLS: way, CAFile: ca, Timeout: 30 * time.Second, Idle: time.Minute, Hello: "node.example.org"}
	transport := &Transport{Settings: s}
	t.Cleanup(transport.Close)
	return transport
}

func letter() notice.Letter {
	return notice.Letter{
		ID: "MESSAGE1", Kind: notice.KindActivate, To: "Sam@Example.org", Lang: "fr", FromName: "Sécurité, «Parvis»",
		Subject: "Confirmez votre adresse courriel : été", At: time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC),
		Text: "Bonjour\n\n.une ligne qui commence par un point\n-- \nÀ bientôt\n", HTML: "<p>Bonjour</p>\n.\n<p>À bientôt</p>\n",
	}
}

func TestALetterArrivesOverSTARTTLSAsItWasWritten(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSStart)
	tr.Settings.EnvelopeFrom, tr.Settings.ReplyTo = "bounces@example.org", "answers@example.org"
	l := letter()
	if err := tr.Deliver(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	got := p.mails()
	if len(got) != 1 || got[0].from != "bounces@example.org" || got[0].to != "Sam@Example.org" || got[0].utf8 {
		t.Fatalf("envelope: %+v", got)
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(got[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != l.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	from, err := msg.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != l.FromName || from[0].Address != "noreply@signin.example.org" {
		t.Errorf("from %v, %v", from, err)
	}
	for name, want := range map[string]string{
		"To": "<Sam@Example.org>", "Reply-To": "<answers@example.org>", "Message-Id": "<MESSAGE1@signin.example.org>",
		"Auto-Submitted": "auto-generated", "Content-Language": "fr", "Mime-Version": "1.0",
		"X-Auto-Response-Suppress": "All", "User-Agent": "", "X-Mailer": "", "Bcc": "", "List-Unsubscribe": "",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if date, err := msg.Header.Date(); err != nil || !date.Equal(l.At) {
		t.Errorf("date %v, %v", date, err)
	}
	for line := range strings.SplitSeq(string(got[0].raw), "\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	kind, parameters, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatal(kind, err)
	}
	parts := multipart.NewReader(msg.Body, parameters["boundary"])
	for _, want := range []struct{ kind, body string }{{"text/plain", l.Text}, {"text/html", l.HTML}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Type"); !strings.HasPrefix(got, want.kind+"; charset=UTF-8") {
			t.Error(got)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n") != strings.TrimRight(want.body, "\n") {
			t.Errorf("%s: %q, %v", want.kind, body, err)
		}
	}
}

func TestAConnectionIsUsedAgainAndGivenUpWhenIdle(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSStart)
	for range 5 {
		if err := tr.Deliver(t.Context(), letter()); err != nil {
			t.Fatal(err)
		}
	}
	if p.sessions > 2 { // EHLO before and after STARTTLS are two sessions of the test's server
		t.Errorf("%d sessions for five letters", p.sessions)
	}
	tr.Settings.Server.Idle = 50 * time.Millisecond
	if err := tr.Deliver(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	kept := func() int {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return len(tr.idle)
	}
	for began := time.Now(); kept() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d connections are kept", kept())
		}
	}
	if err := tr.Deliver(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatHungUpInBetweenCostsNothing(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSStart)
	for _, goodbye := range []string{"421 4.4.2 Idle timeout, bye bye\r\n", "", "once more"} {
		if err := tr.Deliver(t.Context(), letter()); err != nil {
			t.Fatal(err)
		}
		p.hangUp(goodbye)
	}
	if n := len(p.mails()); n != 3 {
		t.Errorf("%d mails", n)
	}
}

func TestImplicitTLSAndAPasswordWork(t *testing.T) {
	for _, way := range []notify.TLS{notify.TLSImplicit, notify.TLSStart} {
		p := &post{password: "s3cret"}
		tr := start(t, p, way)
		tr.Settings.Server.Username, tr.Settings.Server.Password = "parvis", "s3cret"
		if err := tr.Check(t.Context()); err != nil {
			t.Fatal(way, err)
		}
		if err := tr.Deliver(t.Context(), letter()); err != nil {
			t.Fatal(way, err)
		}
		if len(p.mails()) != 1 || len(p.logins) != 2 || p.logins[0] != "parvis" {
			t.Errorf("%s: %v", way, p.logins)
		}
		tr.Close()
		tr.Settings.Server.Password = "wrong"
		if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
			t.Errorf("%s: a wrong password: %v", way, err)
		}
		tr.Settings.Server.Username = ""
		if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
			t.Errorf("%s: no password: %v", way, err)
		}
		if err := tr.Check(t.Context()); err != nil {
			t.Errorf("%s: a check without user name: %v", way, err)
		}
	}
}

func isDown(err error) bool {
	e, ok := errors.AsType[*notify.DeliveryError](err)
	return ok && e.Down && !e.Permanent
}

func TestNothingIsSentInTheClearUnlessToldSo(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSNone)
	tr.Settings.Server.TLS = notify.TLSStart
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Errorf("a server without STARTTLS: %v", err)
	}
	tr.Settings.Server.TLS = "maybe"
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Errorf("an unknown way: %v", err)
	}
	if len(p.mails()) != 0 {
		t.Fatal("a mail went out in the clear")
	}
	tr.Settings.Server.TLS = notify.TLSNone
	if err := tr.Deliver(t.Context(), letter()); err != nil || len(p.mails()) != 1 {
		t.Error(err)
	}
}

func TestAForeignCertificateIsNotTrusted(t *testing.T) {
	for _, way := range []notify.TLS{notify.TLSStart, notify.TLSImplicit} {
		p := &post{}
		tr := start(t, p, way)
		tr.Settings.Server.CAFile = ""
		if err := tr.Deliver(t.Context(), letter()); !isDown(err) || len(p.mails()) != 0 {
			t.Errorf("%s: %v", way, err)
		}
		tr = start(t, p, way)
		tr.Settings.Server.Host = "127.0.0.1" // not a name of the certificate
		if err := tr.Deliver(t.Context(), letter()); !isDown(err) || len(p.mails()) != 0 {
			t.Errorf("%s, another name: %v", way, err)
		}
	}
}

func TestTheServersAnswerDecidesWhatBecomesOfALetter(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSStart)
	say := func(code int, enhanced server.EnhancedCode) error {
		return &server.SMTPError{Code: code, EnhancedCode: enhanced, Message: "no"}
	}
	for _, c := range []struct {
		stage string
		err   error
		want  notify.DeliveryError
	}{
		{"rcpt", say(550, server.EnhancedCode{5, 1, 1}), notify.DeliveryError{Permanent: true, Code: "550 5.1.1"}},
		{"data", say(554, server.EnhancedCode{5, 7, 1}), notify.DeliveryError{Permanent: true, Code: "554 5.7.1"}},
		{"rcpt", say(451, server.EnhancedCode{4, 7, 1}), notify.DeliveryError{Code: "451 4.7.1"}},
		{"rcpt", say(452, server.EnhancedCode{4, 2, 2}), notify.DeliveryError{Code: "452 4.2.2"}},
		{"data", say(451, server.EnhancedCode{4, 3, 0}), notify.DeliveryError{Code: "451 4.3.0"}},
		{"mail", say(550, server.EnhancedCode{5, 7, 1}), notify.DeliveryError{Down: true, Code: "550 5.7.1"}},
		{"mail", say(421, server.EnhancedCode{4, 3, 2}), notify.DeliveryError{Down: true, Code: "421 4.3.2"}},
		{"rcpt", say(421, server.EnhancedCode{4, 3, 2}), notify.DeliveryError{Down: true, Code: "421 4.3.2"}},
		{"mail", say(530, server.EnhancedCode{5, 7, 0}), notify.DeliveryError{Down: true, Code: "530 5.7.0"}},
	} {
		p.set(func(stage, _ string) error {
			if stage == c.stage {
				return c.err
			}
			return nil
		})
		err := tr.Deliver(t.Context(), letter())
		got, ok := errors.AsType[*notify.DeliveryError](err)
		if !ok || got.Permanent != c.want.Permanent || got.Down != c.want.Down || got.Code != c.want.Code {
			t.Errorf("%v at %s: %#v", c.err, c.stage, got)
		}
		p.set(nil)
		if err := tr.Deliver(t.Context(), letter()); err != nil {
			t.Errorf("the next letter after %v at %s: %v", c.err, c.stage, err)
		}
	}
}

func TestAClosedPortIsNoFaultOfTheLetter(t *testing.T) {
	l := listen(t)
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	tr := client(t, port, notify.TLSStart, "")
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Error(err)
	}
	if err := tr.Check(t.Context()); err == nil {
		t.Error("the check passes")
	}
}

func TestAddressesBeyondASCIIGoOutAsTheServerCanTakeThem(t *testing.T) {
	p := &post{}
	tr := start(t, p, notify.TLSStart)
	l := letter()
	l.To = "sam@exämple.org"
	if err := tr.Deliver(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	l.To = "rené@example.org"
	if err := tr.Deliver(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	got := p.mails()
	if got[0].to != "sam@xn--exmple-cua.org" || got[0].utf8 || got[1].to != "rené@example.org" || !got[1].utf8 {
		t.Errorf("%+v", got)
	}
	old := start(t, p, notify.TLSStart, func(s *server.Server) { s.EnableSMTPUTF8 = false })
	err := old.Deliver(t.Context(), l)
	if e, ok := errors.AsType[*notify.DeliveryError](err); !ok || !e.Permanent || e.Code != "smtputf8" {
		t.Error(err)
	}
}

func TestNoHeaderCanBeInjected(t *testing.T) {
	tr := &Transport{Settings: notify.Preset("parvis")}
	tr.Settings.From = "noreply@example.org"
	for _, evil := range []string{"x\r\nBcc: y@example.org", "x\ny", "x\rz", "x\x00"} {
		for _, change := range []func(*notice.Letter){
			func(l *notice.Letter) { l.To = evil + "@example.org" },
			func(l *notice.Letter) { l.To = "sam@" + evil },
			func(l *notice.Letter) { l.ReplyTo = "sam@example.org" + evil },
			func(l *notice.Letter) { l.Subject = evil },
			func(l *notice.Letter) { l.FromName = evil },
			func(l *notice.Letter) { l.Lang = evil },
		} {
			l := letter()
			change(&l)
			if msg, err := tr.compose(l); err == nil {
				t.Errorf("%q was composed: %+v", evil, msg)
			}
		}
	}
}

func FuzzHeaders(f *testing.F) {
	tr := &Transport{Settings: notify.Preset("parvis")}
	tr.Settings.From = "noreply@example.org"
	f.Add("sam@example.org", "Subject", "Parvis", "answers@example.org")
	f.Add("sam@example.org\r\nBcc: x@example.org", "a\nb", "\"x\" <y@z>", "a,b@c")
	f.Add("rené@exämple.org", "=?utf-8?q?=0A?=", "été", "")
	f.Fuzz(func(t *testing.T, to, subject, name, reply string) {
		l := letter()
		l.To, l.Subject, l.FromName, l.ReplyTo = to, subject, name, reply
		msg, err := tr.compose(l)
		if err != nil {
			return
		}
		var raw bytes.Buffer
		if _, err := msg.WriteTo(&raw); err != nil {
			return
		}
		parsed, err := netmail.ReadMessage(&raw)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{
			"From": true, "To": true, "Reply-To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
			"Content-Type": true, "Content-Language": true, "Auto-Submitted": true, "X-Auto-Response-Suppress": true,
		}
		for header, values := range parsed.Header {
			if !known[header] || len(values) != 1 {
				t.Fatalf("header %s: %q", header, values)
			}
		}
		if list, err := parsed.Header.AddressList("To"); err != nil || len(list) != 1 {
			t.Fatalf("%q: recipients %v, %v", to, list, err)
		}
	})
}
