package oidc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/ciba"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// knows is a client_notification_token.
const knows = "8d67dc78-7faa-4d41-aabd-67707b374255"

// pinged is a service's machine that is told that somebody has decided.
type pinged struct {
	*httptest.Server

	came chan struct{} // something came since it was looked at

	mu     sync.Mutex
	codes  []string
	status int
	wrong  string
}

func newPinged(t *testing.T) *pinged {
	t.Helper()
	s := &pinged{status: http.StatusNoContent, came: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		text, _ := io.ReadAll(r.Body)
		var body map[string]string
		if r.Method != http.MethodPost || r.URL.Path != "/told" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Authorization") != "Bearer "+knows || json.Unmarshal(text, &body) != nil || len(body) != 1 {
			s.wrong = r.Method + " " + r.URL.String() + " " + string(text)
		}
		s.codes = append(s.codes, body["auth_req_id"])
		w.Header().Set("Location", "/elsewhere") // of a redirect, which would be a wrong call
		w.WriteHeader(s.status)
		select {
		case s.came <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// take are the auth_req_id that came since it was asked last.
func (s *pinged) take(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong != "" {
		t.Errorf("a call that is none: %s", s.wrong)
	}
	out := s.codes
	s.codes = nil
	return out
}

func (s *pinged) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// rings adds a service of ping mode that is told at a machine, and a person that it can ask.
func (h *house) rings(name string, at *pinged) *browser {
	h.t.Helper()
	h.ringer(name, at)
	b, _ := h.agreed(name)
	b.known()
	return b
}

// ringer adds a service of ping mode that is told at a machine.
func (h *house) ringer(name string, at *pinged) {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.RedirectURIs, s.GrantTypes, s.DeliveryMode, s.NotificationEndpoint = name, nil, []string{protocol.GrantCIBA}, protocol.ModePing, at.URL+"/told"
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, secret.Digest(password)) })
	check(h.t, h.registry.Refresh(h.t.Context()))
}

func (h *house) ping() {
	h.t.Helper()
	check(h.t, h.pinging.RunDue(h.t.Context()))
}

// decides asks a person as a service of ping mode, and answers as that person.
func (b *browser) decides(client, choice string) (code string) {
	b.h.t.Helper()
	code, name := b.h.asks(client, "client_notification_token", knows)
	want := map[string]string{"allow": "allowed", "deny": "denied"}[choice]
	if to := b.says(b.opens(name), choice); to != "/confirmations/done?how="+want {
		b.h.t.Fatalf("to %q", to)
	}
	return code
}

// untold counts events that a service could not be told, for one of some reasons.
func (h *house) untold(reasons ...string) (n int64) {
	h.t.Helper()
	for _, reason := range reasons {
		n += h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND reason = $2 AND account IS NULL`, audit.CIBAUntold, reason)
	}
	return n
}

// CIBA, 4: poll and ping are the delivery modes of the document.
// CIBA, 7.3: interval is given in ping mode, too, and a service may ask without being told.
// CIBA, 10.2: after the decision, and not before, the service is posted auth_req_id as JSON with its token as the bearer, once.
// CIBA, 10.1: who was told asks at once, and is given tokens.
func TestAServiceOfPingModeIsToldOfTheDecision(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var doc map[string]any
		h.document("/.well-known/openid-configuration", &doc)
		if modes, _ := doc["backchannel_token_delivery_modes_supported"].([]any); len(modes) != 2 || modes[0] != "poll" || modes[1] != "ping" {
			t.Errorf("%v", doc["backchannel_token_delivery_modes_supported"])
		}
		at := newPinged(t)
		b := h.rings("ringer", at)
		out, status := h.call("/bc-authorize", "ringer", url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}, "client_notification_token": {knows}})
		if status != http.StatusOK || out["interval"] != 5.0 {
			t.Errorf("%d %v", status, out)
		}
		if got := h.confirmed("ringer", out["auth_req_id"].(string)); got.Error != "authorization_pending" {
			t.Errorf("who asks before: %s", got.Error)
		}
		h.ping()
		if n := len(at.take(t)); n != 0 {
			t.Errorf("told %d times before the decision", n)
		}

		code := b.decides("ringer", "allow")
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping WHERE due_at IS NOT NULL`); n != 1 {
			t.Errorf("%d are due", n)
		}
		h.ping()
		h.ping()
		if got := at.take(t); len(got) != 1 || got[0] != code {
			t.Errorf("told of %d, of the right one: %t", len(got), len(got) == 1 && got[0] == code)
		}
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping`); n != 1 { // that which nobody decided
			t.Errorf("%d rows after the delivery", n)
		}
		if got := h.confirmed("ringer", code); got.status != http.StatusOK || got.Access == "" || got.ID == "" {
			t.Errorf("%+v", got)
		}

		no := b.decides("ringer", "deny")
		h.ping()
		if got := at.take(t); len(got) != 1 || got[0] != no {
			t.Errorf("of a refusal told %d times", len(got))
		}
		if got := h.confirmed("ringer", no); got.Error != "access_denied" {
			t.Errorf("%s", got.Error)
		}
	})
}

// CIBA, 7.1: client_notification_token is required in ping mode, a bearer token of at most 1024 characters; in poll mode it means nothing.
func TestATokenOfTheServiceIsNeededToTellIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.rings("ringer", newPinged(t))
		for token, good := range map[string]bool{
			"": false, strings.Repeat("a", 1024): true, strings.Repeat("a", 1025): false, "short": false, "=====================================": false,
			knows + " x": false, knows + "\r\nX-Other: 1": false, knows + "=x": false, knows + "é": false, "abcDEF0123-._~+/abcDEF==": true, "abcDEF0123-._~+/abcD=": true, "abcDEF0123-._~+/abc=": false,
		} {
			v := url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}, "client_notification_token": {token}}
			out, status := h.call("/bc-authorize", "ringer", v)
			if good && status != http.StatusOK || !good && (status != http.StatusBadRequest || out["error"] != "invalid_request") {
				t.Errorf("%.40q: %d %v", token, status, out["error"])
			}
		}
		h.consent(h.person("bert@example.org"), "caller", claim.Email)
		h.asks("caller", "login_hint", "bert@example.org", "client_notification_token", "x y")
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping WHERE relying_party = 'caller'`); n != 0 {
			t.Errorf("%d tokens of a service that asks are kept", n)
		}
	})
}

// The service's token and auth_req_id are sealed where they are kept, and go when it was told.
func TestWhatAServiceIsToldIsSealed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.rings("ringer", newPinged(t))
		code := b.decides("ringer", "allow")
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			var id, token []byte
			err := tx.QueryRow(`SELECT auth_req_id, token FROM ciba_ping`).Scan(&id, &token)
			if bytes.Contains(id, []byte(code)) || bytes.Contains(token, []byte(knows)) || len(id) <= len(code) || len(token) <= len(knows) {
				t.Error("kept as it is")
			}
			return err
		}))
		// Who asked by itself before it was told need not be told.
		if got := h.confirmed("ringer", code); got.Access == "" {
			t.Errorf("%+v", got)
		}
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping`); n != 0 {
			t.Errorf("%d rows after the tokens were given", n)
		}
	})
}

// An outage is waited for, with growing pauses, until the request expires.
// CIBA, 10.2: 204 and 200 are success, whatever the body says.
func TestAServiceThatIsDownIsToldAgainUntilTheRequestExpires(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newPinged(t)
		b := h.rings("ringer", at)
		at.answer(http.StatusServiceUnavailable)
		code := b.decides("ringer", "allow")
		h.ping()
		h.ping() // not due yet
		if n := len(at.take(t)); n != 1 {
			t.Errorf("told %d times", n)
		}
		at.answer(http.StatusOK)
		h.clock.Advance(3 * time.Second)
		h.ping()
		if got := at.take(t); len(got) != 1 || got[0] != code || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
			t.Errorf("again: %d", len(got))
		}

		at.answer(http.StatusBadGateway)
		b.decides("ringer", "deny")
		tries := 0
		for range 40 {
			h.ping()
			tries += len(at.take(t))
			h.clock.Advance(20 * time.Second)
		}
		before := h.untold("expired") // by which try it is given up is the pauses' chance
		if tries < 5 || tries > 20 || h.untold("502", "expired") != 1 || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
			t.Errorf("told %d times in ten minutes, %d events", tries, h.untold("502", "expired"))
		}

		// The node was down until it was too late.
		b.decides("ringer", "deny")
		h.clock.Advance(11 * time.Minute)
		check(t, h.asked.Purge(t.Context(), h.db))
		h.ping()
		if n := len(at.take(t)); n != 0 || h.untold("expired") != before+1 || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
			t.Errorf("too late: told %d times, %d events", n, h.untold("expired"))
		}
	})
}

// CIBA, 10.2: a redirect is not followed, and what the service itself refuses is not sent again; the tokens are there.
func TestAServiceThatRefusesIsToldOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newPinged(t)
		b := h.rings("ringer", at)
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMovedPermanently, http.StatusTemporaryRedirect} {
			at.answer(status)
			code := b.decides("ringer", "allow")
			told := 0
			for range 4 {
				h.ping()
				told += len(at.take(t))
				h.clock.Advance(20 * time.Second)
			}
			if told != 1 || h.untold(strconv.Itoa(status)) != 1 || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
				t.Errorf("%d: told %d times, %d events", status, told, h.untold(strconv.Itoa(status)))
			}
			if got := h.confirmed("ringer", code); got.Access == "" {
				t.Errorf("%d: %+v", status, got)
			}
		}
		at.answer(http.StatusTooManyRequests)
		b.decides("ringer", "deny")
		h.ping()
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping WHERE attempts = 1`); n != 1 {
			t.Errorf("who asks us to slow down is given up: %d", n)
		}
	})
}

// Nobody is told who is disabled or gone, no address that leads inside is called (CWE-918),
// and nothing of either stays.
func TestAServiceThatIsGoneIsNotTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newPinged(t)
		b := h.rings("ringer", at)
		b.decides("ringer", "allow")
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "ringer") })
		check(t, h.registry.Refresh(t.Context()))
		h.ping()
		if n := len(at.take(t)); n != 0 || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
			t.Errorf("told %d times", n)
		}
		s := parties()[0]
		s.ID, s.RedirectURIs, s.GrantTypes, s.DeliveryMode = "inside", nil, []string{protocol.GrantCIBA}, protocol.ModePing
		s.NotificationEndpoint = "https://169.254.169.254/told"
		h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, secret.Digest(password)) })
		check(t, h.registry.Refresh(t.Context()))
		h.decided("inside", 1)
		h.ping()
		if n := h.count(`SELECT COUNT(*) FROM ciba_ping WHERE attempts = 1`); n != 1 {
			t.Errorf("%d were tried", n)
		}
	})
}

// decided are requests of a service that somebody has decided.
func (h *house) decided(client id.RelyingParty, many int) {
	h.t.Helper()
	requests := make([]ciba.Request, many)
	for i := range requests {
		n := ciba.Prepare(client)
		n.Account, n.Scopes, n.Life, n.NotificationToken = "anna", []string{"openid"}, 10*time.Minute, knows
		requests[i] = n
	}
	h.write(func(tx *db.Tx) error {
		for _, n := range requests {
			if err := h.asked.Begin(tx, n); err != nil {
				return err
			}
			if done, err := h.asked.Decide(tx, n.ID, "anna", false); err != nil || !done {
				h.t.Errorf("not decided: %v", err)
				return err
			}
		}
		return nil
	})
}

// A node that runs is woken by the decision, and tells the service by itself.
func TestADecisionWakesWhoTellsOfIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newPinged(t)
		b := h.rings("ringer", at)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.pinging.Run(ctx) })
		code := b.decides("ringer", "allow")
		select {
		case <-at.came:
		case <-t.Context().Done():
		}
		stop()
		running.Wait()
		if got := at.take(t); len(got) != 1 || got[0] != code {
			t.Errorf("told %d times", len(got))
		}
	})
}

// Of two nodes each ping is sent by one, also when they wake at once.
func TestTwoNodesTellEachDecisionOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		at := newPinged(t)
		h.rings("ringer", at)
		check(t, second.registry.Refresh(t.Context()))
		const asked = 60
		h.decided("ringer", asked)
		var running sync.WaitGroup
		for _, node := range []*house{h, second} {
			running.Go(func() { node.ping() })
		}
		running.Wait()
		got, different := at.take(t), map[string]bool{}
		for _, code := range got {
			different[code] = true
		}
		if len(got) != asked || len(different) != asked || h.count(`SELECT COUNT(*) FROM ciba_ping`) != 0 {
			t.Errorf("told %d times of %d", len(got), len(different))
		}
	})
}
