package demo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/web/webtest"
)

// journal is a log that many may write to.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// TestNothingOfAPersonStandsReadableInLogOrDatabase lets a person with marked words
// go through everything, at the finest level of the log, and looks for the marks.
func TestNothingOfAPersonStandsReadableInLogOrDatabase(t *testing.T) {
	const address, password, wrong = "canary.yellow@northland.example", "singing canary over the mine", "coughing canary under the mine"
	const written = "a canary wrote this message"
	dir := t.TempDir()
	var log journal
	r, stop := runningWith(t, Options{Bind: "127.0.0.1", Dir: dir, Log: true, Out: io.Discard, Err: &log, System: time.Now})
	secrets := []string{address, "canary", "singing", "coughing"}

	w := walk(t, r, "en")
	w.visit(t, r.Services[1].URL+"/login").Must("sign-in", http.StatusOK)
	w.Submit("sign-in", "email", address, "password", wrong).Must("sign-in", http.StatusUnprocessableEntity)
	w.Follow("create-account-link").Must("create-account", http.StatusOK)
	w.Submit("create-account", "email", address, "terms", "yes").Must("confirm-email", http.StatusOK)
	mail := latest(t, r, address)
	secrets = append(secrets, strings.SplitN(filepath.Base(mail.Links[0]), "?", 2)[0])
	w.Submit("confirm-email", "code", "000000")
	w.visit(t, mail.Links[0]).Must("confirm-link", http.StatusOK)
	w.Submit("confirm-link").Must("choose-password", http.StatusOK)
	w.Submit("choose-password", "password", password).Must("set-up-method", http.StatusOK)
	w.setUpApp(t)
	w.Page.Must("consent", http.StatusOK)
	w.Submit("consent", "#allow")
	secrets = append(secrets, queryOf(t, w.Left, "code"))
	w.follow(t).Must("service-signed-in", http.StatusOK).MustSay(address)
	w.visit(t, r.Issuer+"/en/contact")
	w.Submit("contact", "email", address, "message", written).Must("contact-sent", http.StatusOK)
	for _, name := range []string{"__Host-parvis_session", "__Host-parvis_browser", "__Host-parvis_device"} {
		secrets = append(secrets, w.Cookie(name))
	}
	stop()

	places := map[string][]byte{"the log": log.text.Bytes()}
	for _, name := range []string{"parvis.db", "parvis.db-wal"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		places[name] = text
	}
	if log.text.Len() == 0 || len(places["parvis.db"]) == 0 {
		t.Fatal("nothing to look at")
	}
	for place, text := range places {
		for _, secret := range secrets {
			if len(secret) < 6 {
				t.Errorf("%q is no mark", secret)
			} else if i := bytes.Index(bytes.ToLower(text), []byte(strings.ToLower(secret))); i >= 0 {
				t.Errorf("%q stands in %s: …%q…", secret, place, text[max(0, i-120):min(len(text), i+80)])
			}
		}
	}
}

// latest is the newest message to an address that brings a code.
func latest(t *testing.T, r ready, to string) entry {
	t.Helper()
	for range 1200 {
		var box []entry
		fetch(t, r.Issuer+"/demo/mailbox.json", &box)
		for _, e := range box {
			if e.To == to && len(e.Codes) > 0 {
				return e
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no mail")
	return entry{}
}

// runningWith is running with other options, and a way to end it before the test does.
func runningWith(t *testing.T, o Options) (ready, func()) {
	t.Helper()
	o.ReadyFile = filepath.Join(t.TempDir(), "ready.json")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return awaited(t, o.ReadyFile, ended), stop
}

// TestAMailedLinkNeverTakesItsHostFromARequest asks for mails with every header by
// which a proxy, or an attacker, could name another host (C.3 31).
func TestAMailedLinkNeverTakesItsHostFromARequest(t *testing.T) {
	r := running(t)
	behind := network(t, nil)
	w := webtest.New(t, http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "X-Host", "X-Forwarded-Prefix"} {
			in.Header.Set(name, "evil.example")
		}
		in.Header.Set("Forwarded", "host=evil.example;proto=https")
		in.Header.Set("X-Forwarded-Proto", "https")
		behind.ServeHTTP(out, in)
	}), r.Issuer, "en")
	const address = "target@northland.example"
	w.Open(r.Issuer+"/signin?start=create-account").Must("create-account", http.StatusOK)
	page := w.Submit("create-account", "email", address, "terms", "yes").Must("confirm-email", http.StatusOK)
	mail := latest(t, r, address)
	for _, link := range mail.Links {
		if !strings.HasPrefix(link, r.Issuer+"/") {
			t.Errorf("a link leads to %s", link)
		}
	}
	if strings.Contains(mail.Text+page.Body, "evil.example") || len(mail.Links) == 0 {
		t.Error("the mail or the page names the foreign host")
	}
}
