package demo

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The crowded account is what the pages are looked at with: it must hold what it
// promises, and the clock must stand where it stood.
func TestTheCrowdedAccountHoldsAsMuchAsOneCan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready.json")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Bind: "127.0.0.1", ReadyFile: file, Crowded: true, Out: io.Discard, Err: io.Discard, System: time.Now})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r := awaited(t, file, ended)
	var who Person
	for _, one := range r.People {
		if one.State == stateCrowded {
			who = one
		}
	}
	if len(who.Email) < 60 || who.Secret == "" {
		t.Fatalf("the ready file names %+v", r.People)
	}
	w := walk(t, r, "fr")
	w.visit(t, r.Issuer+"/signin").Must("sign-in", http.StatusOK)
	w.Submit("sign-in", "email", who.Email, "password", who.Password).Must("connected-services", http.StatusOK)
	for _, c := range []struct {
		path, page string
		rows       int
	}{{"/services", "connected-services", crowdServices}, {"/settings/emails", "emails", 12}, {"/settings/sessions", "sessions", crowdSessions + 1}} {
		if got := strings.Count(w.visit(t, r.Issuer+c.path).Must(c.page, http.StatusOK).Body, `<li class="row"`); got != c.rows {
			t.Errorf("%s has %d rows, want %d", c.path, got, c.rows)
		}
	}
	if page := w.visit(t, r.Issuer+"/settings/activity"); !page.Has("older") {
		t.Error("the activity fits one page")
	} else if !strings.Contains(page.Text(), "Aujourd’hui") && !strings.Contains(page.Text(), "Aujourd'hui") {
		t.Errorf("the clock did not come back: %s", page.Text())
	}
}
