package oidc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"parvis/internal/backchannel"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/jose"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// told is a service's machine that is told that sessions ended.
type told struct {
	*httptest.Server

	mu     sync.Mutex
	tokens []string
	status int
	wrong  string
}

func newTold(t *testing.T) *told {
	t.Helper()
	s := &told{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil || len(r.PostForm) != 1 || r.URL.RawQuery != "at=bye" {
			s.wrong = r.Method + " " + r.URL.String() + " " + r.PostForm.Encode()
		}
		s.tokens = append(s.tokens, r.PostForm.Get("logout_token"))
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

// take are the tokens that came since it was asked last.
func (s *told) take(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong != "" {
		t.Errorf("a call that is none: %s", s.wrong)
	}
	out := s.tokens
	s.tokens = nil
	return out
}

func (s *told) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// registers adds a service that is told at a machine.
func (h *house) registers(name string, at *told, change func(*relyingparty.Settings)) {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.BackchannelLogoutURI, s.BackchannelLogoutSession = name, at.URL+"/logout?at=bye", true
	if change != nil {
		change(&s)
	}
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, secret.Digest(password)) })
	check(h.t, h.registry.Refresh(h.t.Context()))
}

func (h *house) tell() {
	h.t.Helper()
	check(h.t, h.telling.RunDue(h.t.Context()))
}

// count is what a query counts.
func (h *house) count(query string, args ...any) int64 {
	h.t.Helper()
	var n int64
	check(h.t, h.db.Read(h.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }))
	return n
}

func (b *browser) facts() (f policy.Facts) { f.Password = b.h.clock.Now(); return f }

// What is rolled back is not told, and what is told cannot be lost: both stand in the
// transaction that ends the session.
func TestWhatDidNotEndIsNotTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		b, a := h.agreed("first")
		b.code("first")
		err := h.db.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := h.sessions.EndAll(tx, a, "", session.Revoked); err != nil {
				return err
			}
			return context.Canceled
		})
		if err == nil {
			t.Fatal("committed")
		}
		h.tell()
		if n := len(at.take(t)); n != 0 || !b.live() || h.count(`SELECT COUNT(*) FROM session_party`) != 1 {
			t.Errorf("told %d times, live %v", n, b.live())
		}
	})
}

// Nobody is told who has no address, is disabled, or is gone, and nothing waits for them.
func TestWhoCannotBeToldIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		b, a := h.agreed("first", "service")
		b.code("first")
		b.code("service")
		if n := h.count(`SELECT COUNT(*) FROM session_party`); n != 1 {
			t.Errorf("%d visits are kept", n)
		}
		h.write(func(tx *db.Tx) error {
			if _, err := h.sessions.EndAll(tx, a, "", session.Revoked); err != nil {
				return err
			}
			return h.store.Disable(tx, "first")
		})
		check(t, h.registry.Refresh(t.Context()))
		h.tell()
		if n := len(at.take(t)); n != 0 || h.count(`SELECT COUNT(*) FROM logout_notice`) != 0 {
			t.Errorf("told %d times", n)
		}
	})
}

// An address that leads inside is not called (CWE-918).
func TestAnAddressInsideIsNotTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, func(s *relyingparty.Settings) { s.BackchannelLogoutURI = "https://169.254.169.254/latest" })
		b, a := h.agreed("first")
		b.code("first")
		h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
		h.clock.Advance(time.Second)
		h.tell()
		if n := h.count(`SELECT COUNT(*) FROM logout_notice WHERE attempts = 1`); n != 1 {
			t.Errorf("%d notices were tried", n)
		}
	})
}

// Of two nodes each notice is told by one, and a service is told of many sessions without
// more calls at once than it is given.
func TestTwoNodesTellEachNoticeOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		at := newTold(t)
		h.registers("first", at, nil)
		check(t, second.registry.Refresh(t.Context()))
		const sessions = 60
		a := h.person("anna@example.org")
		h.write(func(tx *db.Tx) error {
			for range sessions {
				n := session.Prepare(a, policy.Facts{Password: tx.Now()})
				s, err := h.sessions.Start(tx, n)
				if err != nil {
					return err
				}
				err = h.visits.Note(tx, backchannel.Visit{Session: s.ID, Origin: s.ID, RelyingParty: "first", Account: a, Subject: "s", Ends: s.EndsAt})
				if err != nil {
					return err
				}
			}
			_, err := h.sessions.EndAll(tx, a, "", session.Revoked)
			return err
		})
		var running sync.WaitGroup
		for _, node := range []*house{h, second} {
			running.Go(func() { node.tell() })
		}
		running.Wait()
		sids := map[any]bool{}
		for _, token := range at.take(t) {
			sids[h.claims(token, jose.RS256)["sid"]] = true
		}
		if len(sids) != sessions || h.count(`SELECT COUNT(*) FROM logout_notice`) != 0 {
			t.Errorf("told of %d sessions", len(sids))
		}
	})
}

// Who signs out at a service and comes back there is signed out there by then.
func TestWhoLandsIsSignedOutThere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		h.telling.Settings.Wait = time.Minute
		running.Go(func() { h.telling.Run(ctx) })
		b, _ := h.agreed("first")
		hint := h.asClient("first", exchange(b.code("first"))).ID
		if to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing {
			t.Errorf("to %q", to)
		}
		if n := len(at.take(t)); n != 1 {
			t.Errorf("told %d times when the browser was sent on", n)
		}
		stop()
		running.Wait()
	})
}

// document reads one of the published documents.
func (h *house) document(path string, into any) {
	h.t.Helper()
	got := h.browser().get(path)
	check(h.t, json.Unmarshal([]byte(got.text), into))
}

// A service that the person disconnects is told, and no other one.
func TestAServiceThatIsDisconnectedIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		first, second := newTold(t), newTold(t)
		h.registers("first", first, nil)
		h.registers("second", second, nil)
		b, a := h.agreed("first", "second")
		sid := h.claims(h.asClient("first", exchange(b.code("first"))).ID, jose.RS256)["sid"]
		b.code("second")
		h.write(func(tx *db.Tx) error { return h.visits.Disconnect(tx, a, "first") })
		h.tell()
		got := first.take(t)
		if len(got) != 1 || h.claims(got[0], jose.RS256)["sid"] != sid || len(second.take(t)) != 0 || !b.live() {
			t.Errorf("told %d times, live %v", len(got), b.live())
		}
		h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
		h.tell()
		if n, m := len(first.take(t)), len(second.take(t)); n != 0 || m != 1 {
			t.Errorf("at the end told %d and %d times", n, m)
		}
	})
}

// Tabs that sign in anew at once each replace the older session, and the browser keeps one of
// theirs. Who signs out there signs out of all of them, and every service is told, by both channels.
func TestTabsThatSignInAnewAtOnceAreAllSignedOut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const tabs = 8
		at := newTold(t)
		services := []string{"first"}
		for i := range tabs {
			services = append(services, "tab"+strconv.Itoa(i))
		}
		for _, name := range services {
			h.registers(name, at, func(s *relyingparty.Settings) { s.FrontchannelLogoutURI = framed })
		}
		b, a := h.agreed(append(services, "service")...)
		b.known()
		b.code("first")
		older := b.cookies[kit.SessionCookie]
		var running sync.WaitGroup
		var kept [tabs]*browser
		for i := range tabs {
			tab := h.browser()
			tab.known()
			kept[i] = tab
			n := session.Prepare(a, b.facts())
			tab.cookies[kit.SessionCookie] = n.Token
			running.Go(func() {
				err := h.db.Write(t.Context(), func(tx *db.Tx) error { _, err := h.sessions.Reauthenticate(tx, older, n); return err })
				if err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		for i, tab := range kept {
			tab.code("tab" + strconv.Itoa(i))
		}
		elsewhere := h.browser()
		elsewhere.signIn(a, "")
		b.cookies[kit.SessionCookie] = kept[0].cookies[kit.SessionCookie]
		hint := h.asClient("service", exchange(b.code("service"))).ID
		to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location")
		if frames, next := b.get(to).frames(t); len(frames) != tabs+1 || next != landing {
			t.Errorf("%d services are framed, next %q", len(frames), next)
		}
		h.tell()
		told := map[any]bool{}
		for _, token := range at.take(t) {
			told[h.claims(token, jose.RS256)["aud"]] = true
		}
		if len(told) != tabs+1 {
			t.Errorf("told: %v", told)
		}
		for i, tab := range kept {
			if tab.live() {
				t.Errorf("tab %d is still signed in", i)
			}
		}
		if !elsewhere.live() {
			t.Error("another browser was signed out, too")
		}
	})
}
