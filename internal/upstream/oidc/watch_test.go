package oidc

import (
	"context"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/upstream"
)

func TestAPartnerThatGoesAwayAndComesBackIsNoticedOverTheNetwork(t *testing.T) {
	f := newPartner(t)
	d := dbtest.Open(t, db.SQLite)
	file, problems := upstream.FromFile([]upstream.Settings{f.settings})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := &upstream.Registry{
		DB: d, Now: func() time.Time { return time.Now() }, File: file,
		Consumers: map[upstream.Protocol]upstream.Consumer{upstream.OIDC: f.c},
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Watch(ctx) })
	defer running.Wait()
	defer stop()
	soon := func(what string, down bool) {
		t.Helper()
		began := time.Now()
		for r.Health("bank").Down != down {
			if time.Since(began) > time.Minute {
				t.Fatalf("%s is never known", what)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	address, handler := f.server.Listener.Addr().String(), f.server.Config.Handler
	f.server.Close()
	soon("the outage", true)
	if _, err := r.Begin(t.Context(), "bank", upstream.Ask{}); upstream.FailureOf(err) != upstream.Outage {
		t.Errorf("%v", err)
	}
	again := httptest.NewUnstartedServer(handler)
	_ = again.Listener.Close()
	var err error
	if again.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err != nil {
		t.Skipf("the address was taken meanwhile: %v", err)
	}
	again.Start()
	defer again.Close()
	soon("the end of the outage", false)
	if _, err := r.Begin(t.Context(), "bank", upstream.Ask{}); err != nil {
		t.Errorf("%v", err)
	}
}
