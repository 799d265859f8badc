package flow

import (
	"log/slog"

	"parvis/internal/audit"
	"parvis/internal/id"
)

// Visitor is who stands at the door of a step: what the pages know of a browser
// before any rule was asked. Its texts are personal data and are never logged.
type Visitor struct {
	Browser   []byte // digest of the browser's own secret (cookie __Host-parvis_browser)
	Session   string // token of the session cookie, "" if none
	Device    string // token of the known-device cookie, "" if none
	IP        string // client address, after trusted proxies
	UserAgent string // as sent, capped by the caller
	Locale    string // language the page was asked in: "en" or "fr"
}

// LogValue keeps a visitor out of the log.
func (v Visitor) LogValue() slog.Value { return slog.StringValue("visitor") }

// Personal are the fields of an audit event that tell who was at the door.
// Address is "" where the event is not to keep it.
func (v Visitor) Personal(address string) audit.Personal {
	return audit.Personal{IP: v.IP, UserAgent: v.UserAgent, Address: address}
}

// Event is the audit event of a step that succeeded: of a visitor, in a flow, on
// an account ("" for none).
func (f Flow) Event(name audit.Name, v Visitor, a id.Account, address string) audit.Event {
	return audit.Event{
		Name: name, Account: a, RelyingParty: f.RelyingParty, Flow: f.ID,
		Outcome: audit.Success, Personal: v.Personal(address),
	}
}
