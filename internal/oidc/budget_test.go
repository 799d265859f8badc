package oidc_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/web/kit"
)

// ledger counts statements while it is open.
type ledger struct {
	mu            sync.Mutex
	reads, writes int
	txs, writing  int // transactions, and those of them that may write
}

func (l *ledger) begins(writes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.txs++
	if writes {
		l.writing++
	}
}

func (l *ledger) note(query string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(strings.TrimSpace(strings.ToUpper(query)), "SELECT") {
		l.reads++
	} else {
		l.writes++
	}
}

func (l *ledger) of(run func()) (reads, writes int) {
	l.mu.Lock()
	l.reads, l.writes, l.txs, l.writing = 0, 0, 0, 0
	l.mu.Unlock()
	run()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads, l.writes
}

func TestRequestsStayWithinTheirBudgetOfStatements(t *testing.T) {
	clock, book := dbtest.NewClock(), &ledger{}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		b, _ := h.agreed("service")
		b.code("service") // makes the subject
		var code, access string
		for _, c := range []struct {
			name          string
			reads, writes int // at most
			txs, writing  int // at most
			run           func()
		}{
			{"discovery", 0, 0, 0, 0, func() { b.get("/.well-known/openid-configuration") }},
			{"keys", 0, 0, 0, 0, func() { b.get("/jwks.json") }},
			{"authorize with a live session", 3, 3, 1, 1, func() { code = b.code("service") }},
			{"token", 0, 3, 1, 1, func() { access = h.asClient("service", exchange(code)).Access }},
			{"userinfo", 3, 0, 1, 0, func() { h.userinfo(access) }},
			{"introspection", 3, 0, 1, 0, func() { h.call("/introspect", "service", url.Values{"token": {access}}) }},
			{"metadata of the resource", 0, 0, 0, 0, func() { b.get("/.well-known/oauth-protected-resource/userinfo") }},
			{"authorize without a session", 2, 2, 2, 2, func() { h.browser().authorize(request("service")) }},
		} {
			reads, writes := book.of(c.run)
			t.Logf("%s: %d reads, %d writes, %d transactions of which %d may write", c.name, reads, writes, book.txs, book.writing)
			if book.txs > c.txs || book.writing > c.writing {
				t.Errorf("%s: %d transactions of which %d may write, at most %d and %d", c.name, book.txs, book.writing, c.txs, c.writing)
			}
			if reads > c.reads || writes > c.writes {
				t.Errorf("%s: %d reads and %d writes, at most %d and %d", c.name, reads, writes, c.reads, c.writes)
			}
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal(), dbtest.Observe(book.note), dbtest.ObserveTransactions(book.begins))
}

// In a flow with a pushed request and tokens that are bound to a key, a proof is noted as used
// in the transaction of what it protects. A push is counted in a transaction of its own before
// the work that it asks for; userinfo writes nothing.
func TestAPushedFlowWithBoundTokensStaysWithinItsBudget(t *testing.T) {
	clock, book := dbtest.NewClock(), &ledger{}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		k := h.holder()
		b, _ := h.agreed("bound")
		b.code("bound") // makes the subject
		var name, code, access string
		for _, c := range []struct {
			name          string
			reads, writes int // at most
			txs, writing  int // at most
			run           func()
		}{
			{"push", 0, 2, 2, 2, func() { name = h.push("bound", request("bound")).URI }},
			{"authorize by request_uri", 4, 4, 2, 1, func() {
				code = b.authorize(url.Values{"client_id": {"bound"}, "request_uri": {name}}).answer(t).Get("code")
			}},
			{"token with a proof", 0, 4, 1, 1, func() {
				tok, _ := k.tokens(h, "bound", code, k.proof("POST", "/token"))
				access = tok.Access
			}},
			{"userinfo with a proof", 3, 0, 1, 0, func() {
				got := h.browser().get("/userinfo", "Authorization", "DPoP "+access, "DPoP", k.proof("GET", "/userinfo", "ath", ath(access)))
				if got.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", got.StatusCode, got.text)
				}
			}},
		} {
			reads, writes := book.of(c.run)
			t.Logf("%s: %d reads, %d writes, %d transactions of which %d may write", c.name, reads, writes, book.txs, book.writing)
			if book.txs > c.txs || book.writing > c.writing {
				t.Errorf("%s: %d transactions of which %d may write, at most %d and %d", c.name, book.txs, book.writing, c.txs, c.writing)
			}
			if reads > c.reads || writes > c.writes {
				t.Errorf("%s: %d reads and %d writes, at most %d and %d", c.name, reads, writes, c.reads, c.writes)
			}
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal(), dbtest.Observe(book.note), dbtest.ObserveTransactions(book.begins))
}

// A store that fails must never look like success (CVE-2020-15223), and what
// cannot be recorded does not happen.
func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		rename := func(from, to string) {
			h.write(func(tx *tx) error {
				_, err := tx.Exec("ALTER TABLE " + from + " RENAME TO " + to)
				return err
			})
		}
		rename("audit_event", "audit_gone")
		for name, r := range map[string]*http.Request{
			"token":     post(t, h, "/token", exchange(code).Encode(), "Authorization", basic("service", password)),
			"refusal":   post(t, h, "/token", exchange("wrong").Encode(), "Authorization", basic("service", password)),
			"authorize": post(t, h, "/authorize?"+request("service").Encode(), "", "Cookie", kit.SessionCookie+"="+b.cookies[kit.SessionCookie]),
		} {
			if name == "authorize" {
				r.Method = http.MethodGet
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			check(t, err)
			text, err := io.ReadAll(resp.Body)
			check(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusInternalServerError || resp.Header.Get("Location") != "" || strings.Contains(string(text), "audit") {
				t.Errorf("%s: %d %.300s", name, resp.StatusCode, text)
			}
		}
		rename("audit_gone", "audit_event")
		if tok := h.asClient("service", exchange(code)); tok.status != http.StatusOK {
			t.Errorf("the code was spent by a failure: %+v", tok)
		}
	})
}

func post(t *testing.T, h *house, path, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+path, strings.NewReader(body))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}
