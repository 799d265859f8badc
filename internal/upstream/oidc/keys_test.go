package oidc

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"parvis/internal/upstream"
)

// hangs lets the keys endpoint give no answer until the end of the test.
func (f *partner) hangs() (called chan struct{}) {
	called = make(chan struct{}, 100)
	end := make(chan struct{})
	f.t.Cleanup(func() { close(end) })
	f.set(func() {
		f.handle["/jwks"] = func(_ http.ResponseWriter, r *http.Request) {
			called <- struct{}{}
			select {
			case <-r.Context().Done():
			case <-end:
			}
		}
	})
	return called
}

func TestAKeysEndpointThatHangsIsAskedOnceForEverybodyAndKeepsNobodyLongerThanTheyWant(t *testing.T) {
	f := newPartner(t)
	f.settings.Timeout = 2 * time.Second
	p := f.provider()
	called := f.hangs()
	m, err := f.c.metadata(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody whose time is over leaves, and what was begun goes on for the others.
	gone, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, _, err := f.c.keys(gone, p, m, false)
		left <- err
	}()
	<-called
	leave()
	if err := <-left; upstream.FailureOf(err) != "" || err == nil {
		t.Errorf("our own end counts against the partner: %v", err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, _, err := f.c.keys(t.Context(), p, m, false)
			failed(t, "who waited", err, upstream.Slow)
		})
	}
	all.Wait()
	for range 20 { // and who comes right after is told at once
		_, _, err := f.c.keys(t.Context(), p, m, false)
		failed(t, "who came after", err, upstream.Slow)
	}
	if n := f.count("/jwks"); n != 1 {
		t.Errorf("%d calls", n)
	}
	f.set(func() { delete(f.handle, "/jwks") })
	f.clock = f.clock.Add(failedFor)
	if _, asked, err := f.c.keys(t.Context(), p, m, false); err != nil || !asked {
		t.Errorf("after a while: %v", err)
	}
}

func TestOldKeysServeAtOnceWhileNewOnesAreAskedFor(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	m, err := f.c.metadata(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := f.c.keys(t.Context(), p, m, false)
	if err != nil {
		t.Fatal(err)
	}
	called := f.hangs()
	f.clock = f.clock.Add(fresh)
	for range 20 {
		now, asked, err := f.c.keys(t.Context(), p, m, false)
		if err != nil || now != before || asked {
			t.Fatalf("%v", err)
		}
	}
	<-called // somebody asks beside
	if n := f.count("/jwks"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestAThoroughProbeSeesThatTheKeysCannotBeHad(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	if err := f.c.Probe(t.Context(), p, true); err != nil || f.count("/jwks") != 1 {
		t.Errorf("%v, %d calls", err, f.count("/jwks"))
	}
	f.set(func() { f.handle["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) } })
	failed(t, "keys out of order", f.c.Probe(t.Context(), p, true), upstream.Outage)
	if err := f.c.Probe(t.Context(), p, false); err != nil {
		t.Error(err)
	}
	f.hangs()
	late, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	failed(t, "keys that hang", f.c.Probe(late, p, true), upstream.Slow)
}

func TestAClaimCountsUnderItsExactNameOnly(t *testing.T) {
	f := newPartner(t)
	for name, refused := range map[string]bool{"ſub": true, "SUB": true, "iſs": true, "namé": false} {
		f.claims = func(m map[string]any) { m[name] = "victim" }
		if a, err := f.signIn(nil); (err != nil) != refused || err == nil && a.Subject == "victim" {
			t.Errorf("%q beside the real one: subject %q, %v", name, a.Subject, err)
		}
	}
	f.claims = func(m map[string]any) {
		m["SUB"] = m["sub"]
		delete(m, "sub")
	}
	if _, err := f.signIn(nil); err == nil {
		t.Error("SUB was taken for sub")
	}
}
