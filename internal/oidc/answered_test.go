package oidc_test

import (
	"crypto/rand"
	"sync"
	"testing"

	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/grant"
)

// racers is how many ask at once for what was allowed once.
const racers = 500

// answered is what one of them was told.
type answered struct {
	standing device.Standing
	result   grant.Result
}

// onlyOneIsAnswered lets many ask at once on the nodes of a database what became of a question
// that was allowed: one is given tokens, the others hear that they do not know it.
func onlyOneIsAnswered(t *testing.T, nodes []*db.DB, ask func(tx *db.Tx, token []byte) (answered, error)) {
	t.Helper()
	all := make([]answered, racers)
	var running sync.WaitGroup
	for i := range racers {
		running.Go(func() {
			token := []byte(rand.Text())
			err := nodes[i%len(nodes)].WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
				all[i], err = ask(tx, token)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	won := 0
	for _, a := range all {
		switch {
		case a.standing == device.Allowed && a.result.Outcome == grant.Redeemed:
			won++
		case a.standing != device.Unknown:
			t.Errorf("a loser was told %s, %+v", a.standing, a.result)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d won", won, racers)
	}
}
