package upstream

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
)

// Presence is what a provider calls somebody's session with it: what we name when they
// want to sign out there, too, and what it names when they have. It is of that person
// alone, and is kept only as long as the session that it opened here.
type Presence struct {
	Subject string `json:"subject"`
	// Index is the session: SessionIndex (SAML core 2.7.2) or sid (OpenID Connect
	// Back-Channel Logout 1.0, 2.1); "" where the provider does not tell.
	Index string `json:"index,omitempty"`

	// SAML: how the provider wrote the name, which must come back as it was (core 2.2.2 and 3.3.4).
	Format          string `json:"format,omitempty"`
	NameQualifier   string `json:"name_qualifier,omitempty"`
	SPNameQualifier string `json:"sp_name_qualifier,omitempty"`
}

// LogValue shows nothing of it.
func (Presence) LogValue() slog.Value { return slog.StringValue("(session at a sign-in partner)") }

// String shows nothing of it.
func (Presence) String() string { return "(session at a sign-in partner)" }

// Text is the presence to be kept, sealed; "" for none.
func (p Presence) Text() (string, error) {
	if p == (Presence{}) {
		return "", nil
	}
	text, err := json.Marshal(p)
	return string(text), err
}

// ReadPresence reads what Text wrote; the zero Presence of "".
func ReadPresence(text string) (Presence, error) {
	var out Presence
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return Presence{}, errors.New("upstream: a presence that cannot be read")
	}
	return out, nil
}

// Key is what a session is found by when a provider names one of its own; "" when it
// told no index. The length keeps provider and index from running into each other.
func Key(provider ID, index string) string {
	if index == "" {
		return ""
	}
	return strconv.Itoa(len(provider)) + ":" + string(provider) + index
}

// Means reports whether a notice is about a session that the provider calls so. What
// cannot be told apart is meant.
func (d Departure) Means(p Presence) bool {
	if p.Subject != "" && d.Subject != "" && p.Subject != d.Subject {
		return false
	}
	return len(d.Indexes) == 0 || p.Index == "" || slices.Contains(d.Indexes, p.Index)
}
