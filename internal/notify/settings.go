package notify

import (
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"
)

// Settings are the numbers and addresses of outgoing mail.
type Settings struct {
	// From is the address that mails come from. Answers should reach somebody, or the text should say that they do not.
	From string `yaml:"from"`
	// ReplyTo is the address that answers go to; empty means that of from.
	ReplyTo string `yaml:"reply_to"`
	// EnvelopeFrom is the address that undeliverable mails come back to; empty means that of from.
	EnvelopeFrom string `yaml:"envelope_from"`
	// Domain stands at the right of each Message-ID; empty means the domain of from.
	Domain string `yaml:"domain"`
	// Server is the mail server that takes mails over.
	Server Server `yaml:"server"`
	// Workers is how many mails one node delivers at the same time.
	Workers int `yaml:"workers"`
	// Lease is how long a node may take for one mail before another node may take it over.
	Lease time.Duration `yaml:"lease"`
	// RetryFirst is how long to wait after the first failure; the wait doubles with each further one.
	RetryFirst time.Duration `yaml:"retry_first"`
	// RetryMost is the longest wait between two tries.
	RetryMost time.Duration `yaml:"retry_most"`
	// Expire is how long a mail without a time limit of its own is worth sending.
	Expire time.Duration `yaml:"expire"`
	// Keep is how long the record of a finished mail (kind, time, result; neither address nor text) is kept.
	Keep time.Duration `yaml:"keep"`
}

// TLS says how the connection to the mail server is protected.
type TLS string

// The ways. TLSNone is accepted for a server on the same machine only.
const (
	TLSStart    TLS = "starttls" // plain first, then STARTTLS, which must succeed
	TLSImplicit TLS = "implicit" // TLS from the first byte, usually port 465
	TLSNone     TLS = "none"
)

// Server is a mail server and how to speak to it.
type Server struct {
	// Host is the mail server's name or address.
	Host string `yaml:"host"`
	// Port is its port: 587 with starttls, 465 with implicit.
	Port int `yaml:"port"`
	// TLS is the protection of the connection: starttls, implicit, or none (only for a server on this machine).
	TLS TLS `yaml:"tls"`
	// CAFile is a PEM file of the authorities that may vouch for the server; empty means those of the system.
	CAFile string `yaml:"ca_file"`
	// Hello is the name this node introduces itself with; empty means the machine's name.
	Hello string `yaml:"hello"`
	// Username is for servers that ask for one.
	Username string `yaml:"username"`
	// Password belongs to username. Prefer password_file.
	Password string `yaml:"password" secret:"true"`
	// PasswordFile is a file whose first line is the password.
	PasswordFile string `yaml:"password_file"`
	// Timeout bounds connecting and each delivery.
	Timeout time.Duration `yaml:"timeout"`
	// Idle is how long an unused connection is kept for the next mail; 0 closes at once.
	Idle time.Duration `yaml:"idle"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{
		Workers:    4,
		Lease:      2 * time.Minute,
		RetryFirst: 5 * time.Second,
		RetryMost:  2 * time.Minute,
		Expire:     72 * time.Hour,
		Keep:       30 * 24 * time.Hour,
		Server:     Server{Port: 587, TLS: TLSStart, Timeout: 30 * time.Second, Idle: 10 * time.Second},
	}
}

// Problems lists what must be changed before mail can be sent.
func (s Settings) Problems() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	address := func(key, value string, needed bool) {
		if value == "" {
			if needed {
				say("%s: give the address that mails come from, for example noreply@example.org", key)
			}
			return
		}
		parsed, err := mail.ParseAddress(value)
		if err != nil || parsed.Address != value || len(value) > 254 {
			say("%s: %q is not a plain e-mail address; write it as name@example.org", key, value)
		}
	}
	address("from", s.From, true)
	address("reply_to", s.ReplyTo, false)
	address("envelope_from", s.EnvelopeFrom, false)
	if strings.ContainsAny(s.Domain, "<>@ \t\r\n") {
		say("domain: %q is not a domain name", s.Domain)
	}
	if s.Workers < 1 || s.Workers > 64 {
		say("workers: %d; choose 1 to 64", s.Workers)
	}
	if s.Lease < 3*s.Server.Timeout {
		say("lease: %v must be at least three times server.timeout (%v), else two nodes send the same mail", s.Lease, s.Server.Timeout)
	}
	if s.RetryFirst < time.Second || s.RetryMost < s.RetryFirst {
		say("retry_first, retry_most: %v and %v; choose at least 1s, and retry_most not shorter than retry_first", s.RetryFirst, s.RetryMost)
	}
	if s.Expire < time.Minute {
		say("expire: %v; choose at least 1m", s.Expire)
	}
	if s.Keep < time.Hour {
		say("keep: %v; choose at least 1h", s.Keep)
	}
	return append(out, s.Server.problems()...)
}

func (s Server) problems() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.Host == "" {
		say("server.host: give the name of the mail server that takes mails over")
	}
	if s.Port < 1 || s.Port > 65535 {
		say("server.port: %d is not a port; 587 goes with starttls, 465 with implicit", s.Port)
	}
	switch s.TLS {
	case TLSStart, TLSImplicit:
	case TLSNone:
		if !s.loopback() {
			say("server.tls: none is for a mail server on this machine only; set starttls or implicit for %q", s.Host)
		}
	default:
		say("server.tls: %q; choose starttls, implicit or none", s.TLS)
	}
	if s.Timeout < time.Second || s.Timeout > 5*time.Minute {
		say("server.timeout: %v; choose 1s to 5m", s.Timeout)
	}
	if s.Idle < 0 || s.Idle > 5*time.Minute {
		say("server.idle: %v; choose 0s to 5m", s.Idle)
	}
	if (s.Username == "") != (s.Password == "" && s.PasswordFile == "") {
		say("server.username, server.password_file: give both or neither")
	}
	return out
}

// loopback reports whether the server is on this machine.
func (s Server) loopback() bool {
	if s.Host == "localhost" {
		return true
	}
	ip := net.ParseIP(s.Host)
	return ip != nil && ip.IsLoopback()
}
