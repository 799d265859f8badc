package session_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/session"
)

const abroad = `{"subject":"customer-1","index":"theirs"}`

// by starts a session that a partner opened, which calls its own "theirs".
func (h *house) by(account id.Account, older string) (session.Session, string) {
	h.Helper()
	n := session.Prepare(account, policy.ByPartner(policy.Partner{At: h.clock.Now(), Door: "bank"}, "FLOW"))
	n.There = session.Abroad{Text: abroad, Key: "bank theirs"}
	var s session.Session
	h.write(func(tx *db.Tx) (err error) { s, err = h.Reauthenticate(tx, older, n); return err })
	return s, n.Token
}

func (h *house) there(s session.Session) string {
	h.Helper()
	text, err := h.There(s)
	if err != nil {
		h.Fatal(err)
	}
	return text
}

func (h *house) called(key string) (out []session.Session) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, err = h.ByThere(tx, key); return err })
	return out
}

// kept is the sealed column as it stands in the database.
func (h *house) kept(s id.Session) (sealed []byte) {
	h.Helper()
	h.write(func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT there FROM session WHERE id = $1`, s).Scan(&sealed)
	})
	return sealed
}

func TestWhatAPartnerCallsASessionIsSealedAndFound(t *testing.T) {
	each(t, "parvis", func(h *house) {
		s, token := h.by("SAM", "")
		own, _ := h.start("SAM", "")
		if got := h.there(h.find(token)); got != abroad || h.there(s) != abroad || h.there(own) != "" {
			t.Errorf("%q", got)
		}
		if found := h.called("bank theirs"); len(found) != 1 || found[0].ID != s.ID {
			t.Errorf("%+v", found)
		}
		if len(h.called("bank other")) != 0 || len(h.called("")) != 0 {
			t.Error("another session is found")
		}
		if sealed := h.kept(s.ID); len(sealed) == 0 || bytes.Contains(sealed, []byte("customer-1")) {
			t.Error("it is not sealed")
		}
		if text := fmt.Sprintf("%v %+v", session.Abroad{Text: abroad}, session.New{There: session.Abroad{Text: abroad}}); strings.Contains(text, "customer") {
			t.Error(text)
		}
	})
}

func TestWhatAPartnerCallsASessionIsWipedWhenItEnds(t *testing.T) {
	each(t, "parvis", func(h *house) {
		for name, end := range map[string]func(s session.Session, token string){
			"by its owner": func(s session.Session, _ string) {
				h.write(func(tx *db.Tx) error { _, err := h.End(tx, s.ID, session.SignedOut); return err })
			},
			"with the others": func(session.Session, string) {
				h.write(func(tx *db.Tx) error { _, err := h.EndAll(tx, "SAM", "", session.Revoked); return err })
			},
			"replaced": func(_ session.Session, token string) { h.start("SAM", token) },
			"by itself": func(session.Session, string) {
				h.clock.Advance(31 * time.Minute)
				h.write(func(tx *db.Tx) error { _, err := h.Purge(tx, 10); return err })
			},
		} {
			s, token := h.by("SAM", "")
			if h.kept(s.ID) == nil {
				t.Fatalf("%s: it was never there", name)
			}
			end(s, token)
			if h.kept(s.ID) != nil || h.there(h.find(token)) != "" {
				t.Errorf("%s: it outlives the session", name)
			}
			// That the partner ended it once more is no news, and no error.
			if !slices.ContainsFunc(h.called("bank theirs"), func(o session.Session) bool { return o.ID == s.ID && !o.Live() }) {
				t.Errorf("%s: it is not known any more", name)
			}
		}
	})
}

func TestMoreStrengthLeavesWhatAPartnerCallsTheSession(t *testing.T) {
	each(t, "parvis", func(h *house) {
		s, token := h.by("SAM", "")
		h.write(func(tx *db.Tx) error {
			_, err := h.Elevate(tx, s.ID, token, "fresh", s.Facts.With(policy.App, h.clock.Now(), "FLOW"))
			return err
		})
		if got := h.there(h.find("fresh")); got != abroad {
			t.Errorf("%q", got)
		}
	})
}
