package flow

import "log/slog"

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
