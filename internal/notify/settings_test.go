package notify

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	good := Preset("parvis")
	good.From, good.Server.Host = "noreply@example.org", "mail.example.org"
	if p := good.Problems(); len(p) != 0 {
		t.Fatal(p)
	}
	for key, change := range map[string]func(*Settings){
		"from":             func(s *Settings) { s.From = "Parvis <noreply@example.org>" },
		"reply_to":         func(s *Settings) { s.ReplyTo = "x\r\ny@example.org" },
		"envelope_from":    func(s *Settings) { s.EnvelopeFrom = "bounces" },
		"domain":           func(s *Settings) { s.Domain = "a>b" },
		"server.host":      func(s *Settings) { s.Server.Host = "" },
		"server.port":      func(s *Settings) { s.Server.Port = 0 },
		"server.tls: none": func(s *Settings) { s.Server.TLS = TLSNone },
		"server.tls:":      func(s *Settings) { s.Server.TLS = "maybe" },
		"server.timeout":   func(s *Settings) { s.Server.Timeout = 0 },
		"server.idle":      func(s *Settings) { s.Server.Idle = time.Hour },
		"server.username":  func(s *Settings) { s.Server.Username = "parvis" },
		"workers":          func(s *Settings) { s.Workers = 0 },
		"lease":            func(s *Settings) { s.Lease = time.Minute },
		"retry_first":      func(s *Settings) { s.RetryFirst = 0 },
		"expire":           func(s *Settings) { s.Expire = 0 },
		"keep":             func(s *Settings) { s.Keep = 0 },
	} {
		s := good
		change(&s)
		p := s.Problems()
		if len(p) != 1 || !strings.HasPrefix(p[0], key) {
			t.Errorf("%s: %q", key, p)
		}
	}
	local := good
	local.Server.Host, local.Server.TLS = "127.0.0.1", TLSNone
	if p := local.Problems(); len(p) != 0 {
		t.Error(p)
	}
}
