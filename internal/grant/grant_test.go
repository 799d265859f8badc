package grant

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

const (
	callback = "https://service.example/cb"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

func keys(t *testing.T) *secret.Keys {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func grants(t *testing.T, d *db.DB) Grants {
	t.Helper()
	return Grants{Settings: Preset(""), Audit: &audit.Log{DB: d, Keys: keys(t), Settings: audit.Preset("")}}
}

// issue stores a grant of account "a" for service "s" and returns its code.
func issue(t *testing.T, d *db.DB, g Grants, challenge string) (string, id.Grant) {
	t.Helper()
	code, gid := secret.NewToken(), id.New[id.Grant]()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		return g.Issue(tx, Grant{
			ID: gid, Account: "a", RelyingParty: "s", Session: "z", Subject: "sub", Scopes: []string{"openid", "email"},
			UserInfoClaims: []string{"email"}, ACR: "1", AMR: []string{"pwd"}, AuthTime: tx.Now(), Nonce: "n",
		}, Code{Digest: secret.Digest(code), RedirectURI: callback, Challenge: challenge})
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, gid
}

func redeem(ctx context.Context, d *db.DB, g Grants, r Redemption) (Result, error) {
	var out Result
	err := d.WriteStatement(ctx, func(tx *db.Tx) error {
		var err error
		out, err = g.Redeem(tx, r)
		return err
	})
	return out, err
}

func mustRedeem(t *testing.T, d *db.DB, g Grants, r Redemption) Result {
	t.Helper()
	out, err := redeem(t.Context(), d, g, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func live(t *testing.T, d *db.DB, g Grants, token string) bool {
	t.Helper()
	var ok bool
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		var err error
		_, ok, err = g.FindToken(tx, token)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func right(code, token string) Redemption {
	return Redemption{Code: code, RelyingParty: "s", RedirectURI: callback, Verifier: verifier, Token: secret.Digest(token)}
}

func TestOnlyTheRightClientAddressAndVerifierRedeemACode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		accepted := 0
		for _, client := range []id.RelyingParty{"s", "other", ""} {
			for _, redirect := range []string{callback, callback + "/", "https://other.example/cb", ""} {
				for _, v := range []string{verifier, verifier[1:] + "A", strings.ToLower(verifier), ""} {
					code, _ := issue(t, d, g, Challenge(verifier))
					got := mustRedeem(t, d, g, Redemption{Code: code, RelyingParty: client, RedirectURI: redirect, Verifier: v, Token: secret.Digest(secret.NewToken())})
					if got.Outcome == Redeemed {
						accepted++
						if client != "s" || redirect != callback || v != verifier {
							t.Errorf("client %q, redirect %q, verifier %q were accepted", client, redirect, v)
						}
					}
				}
			}
		}
		if accepted != 1 {
			t.Errorf("%d of 48 were accepted, want 1", accepted)
		}
	})
}

func TestAVerifierIsDemandedExactlyWhenAChallengeWasSent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		for _, c := range []struct {
			challenge, verifier string
			want                Outcome
		}{
			{Challenge(verifier), verifier, Redeemed},
			{Challenge(verifier), "", Mismatch},
			{"", verifier, Mismatch},
			{"", "", Redeemed},
		} {
			code, _ := issue(t, d, g, c.challenge)
			r := right(code, secret.NewToken())
			r.Verifier = c.verifier
			if got := mustRedeem(t, d, g, r); got.Outcome != c.want {
				t.Errorf("challenge %q, verifier %q: %s, want %s", c.challenge, c.verifier, got.Outcome, c.want)
			}
		}
	})
}

func TestAReusedCodeRevokesWhatItGaveAndTheRevocationStays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, gid := issue(t, d, g, Challenge(verifier))
		token := secret.NewToken()
		first := mustRedeem(t, d, g, right(code, token))
		if first.Outcome != Redeemed || first.Grant.ID != gid || first.Grant.Nonce != "n" || !live(t, d, g, token) {
			t.Fatalf("first: %+v", first)
		}
		second := mustRedeem(t, d, g, right(code, secret.NewToken()))
		if second.Outcome != Reused || second.Grant.ID != gid {
			t.Fatalf("second: %+v", second)
		}
		if live(t, d, g, token) {
			t.Error("the first token is still good")
		}
	})
}

func TestAnotherClientCannotSpendACode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		r := right(code, secret.NewToken())
		r.RelyingParty = "other"
		if got := mustRedeem(t, d, g, r); got.Outcome != Unknown {
			t.Errorf("other client: %s", got.Outcome)
		}
		if got := mustRedeem(t, d, g, right(code, secret.NewToken())); got.Outcome != Redeemed {
			t.Errorf("own client: %s", got.Outcome)
		}
	})
}

func TestAWrongVerifierSpendsTheCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		r := right(code, secret.NewToken())
		r.Verifier = verifier[1:] + "A"
		if got := mustRedeem(t, d, g, r); got.Outcome != Mismatch {
			t.Errorf("first: %s", got.Outcome)
		}
		if got := mustRedeem(t, d, g, right(code, secret.NewToken())); got.Outcome != Unknown {
			t.Errorf("second: %s", got.Outcome)
		}
	})
}

func TestACodeEndsAfterItsLife(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		early, _ := issue(t, d, g, Challenge(verifier))
		late, _ := issue(t, d, g, Challenge(verifier))
		clock.Advance(59 * time.Second)
		if got := mustRedeem(t, d, g, right(early, secret.NewToken())); got.Outcome != Redeemed {
			t.Errorf("after 59 s: %s", got.Outcome)
		}
		clock.Advance(time.Second)
		if got := mustRedeem(t, d, g, right(late, secret.NewToken())); got.Outcome != Unknown {
			t.Errorf("after 60 s: %s", got.Outcome)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestNoChangedTokenIsGood(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		token := secret.NewToken()
		mustRedeem(t, d, g, right(code, token))
		if !live(t, d, g, token) {
			t.Fatal("the token is not good")
		}
		tries := []string{"", token + "A", "A" + token, token + "=", token + " ", strings.ToLower(token), strings.ToUpper(token), code}
		for i := range len(token) {
			tries = append(tries, token[:i], token[i+1:], token[:i]+string(token[i]^1)+token[i+1:])
		}
		for _, changed := range tries {
			if changed != token && live(t, d, g, changed) {
				t.Errorf("%q is good", changed)
			}
		}
	})
}

func TestATokenEndsWithItsTimeItsConnectionItsAccountAndItsService(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		for name, end := range map[string]func(tx *db.Tx) error{
			"connection": func(tx *db.Tx) error { return g.EndConnection(tx, "a", "s") },
			"account":    func(tx *db.Tx) error { return g.EndAccount(tx, "a") },
			"service":    func(tx *db.Tx) error { return g.EndParty(tx, "s") },
			"session":    func(tx *db.Tx) error { return g.EndSession(tx, "z", "z") },
			"erasure":    func(tx *db.Tx) error { return g.Forget(tx, "a") },
			"time":       func(*db.Tx) error { clock.Advance(15 * time.Minute); return nil },
		} {
			code, _ := issue(t, d, g, Challenge(verifier))
			pending, _ := issue(t, d, g, Challenge(verifier))
			token := secret.NewToken()
			mustRedeem(t, d, g, right(code, token))
			if !live(t, d, g, token) {
				t.Fatalf("%s: the token is not good at first", name)
			}
			if err := d.Write(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			if live(t, d, g, token) {
				t.Errorf("%s: the token is still good", name)
			}
			if got := mustRedeem(t, d, g, right(pending, secret.NewToken())); got.Outcome == Redeemed {
				t.Errorf("%s: a pending code is still good", name)
			}
		}
		code, _ := issue(t, d, g, Challenge(verifier))
		token := secret.NewToken()
		mustRedeem(t, d, g, right(code, token))
		err := d.Write(t.Context(), func(tx *db.Tx) error { return g.EndConnection(tx, "a", "other") })
		if err != nil || !live(t, d, g, token) {
			t.Error("another service's disconnect ended the token", err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnAssertionIsUsedOnceOnAllNodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		a := &Assertion{JTI: "j1", Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		code, _ := issue(t, d, g, Challenge(verifier))
		r := right(code, secret.NewToken())
		r.Assertion = a
		if got := mustRedeem(t, d, g, r); got.Outcome != Redeemed {
			t.Fatal(got.Outcome)
		}
		other, _ := issue(t, d, g, Challenge(verifier))
		again := right(other, secret.NewToken())
		again.Assertion = a
		if got := mustRedeem(t, dbtest.Second(t, d), g, again); got.Outcome != Replayed {
			t.Errorf("on the second node: %s", got.Outcome)
		}
		if got := mustRedeem(t, d, g, right(other, secret.NewToken())); got.Outcome != Redeemed {
			t.Errorf("a replayed assertion spent the code: %s", got.Outcome)
		}
		wrong := right("no such code", secret.NewToken())
		wrong.Assertion = &Assertion{JTI: "j2", Expires: a.Expires}
		if got := mustRedeem(t, d, g, wrong); got.Outcome != Unknown {
			t.Error(got.Outcome)
		}
		if got := mustRedeem(t, d, g, wrong); got.Outcome != Replayed {
			t.Errorf("the assertion of a refused redemption was forgotten: %s", got.Outcome)
		}
	})
}

func TestOfFiveHundredRacersOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		second := dbtest.Second(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		outcomes := race(t, 500, func(i int) (Outcome, error) {
			node := d
			if i%2 == 1 {
				node = second
			}
			got, err := redeem(t.Context(), node, g, right(code, secret.NewToken()))
			return got.Outcome, err
		})
		if outcomes[Redeemed] != 1 || outcomes[Reused] != 1 {
			t.Errorf("outcomes %v", outcomes)
		}
	}, dbtest.WithoutRehearsal())
}

func TestOfFiveHundredAssertionsOneIsNew(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		a := Assertion{JTI: "j", Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		nodes := []*db.DB{d, dbtest.Second(t, d)}
		outcomes := race(t, 500, func(i int) (Outcome, error) {
			var fresh bool
			err := nodes[i%2].WriteStatement(t.Context(), func(tx *db.Tx) error {
				var err error
				fresh, err = g.UseAssertion(tx, "s", a)
				return err
			})
			if fresh {
				return Redeemed, err
			}
			return Replayed, err
		})
		if outcomes[Redeemed] != 1 {
			t.Errorf("outcomes %v", outcomes)
		}
	}, dbtest.WithoutRehearsal())
}

// race runs n at once. Who is told to come back later, because the machine is
// busy, has neither won nor lost; nobody may win twice.
func race(t *testing.T, n int, run func(int) (Outcome, error)) map[Outcome]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[Outcome]int{}
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			got, err := run(i)
			mu.Lock()
			defer mu.Unlock()
			if fault.Is(err, fault.Unavailable) {
				got = "unavailable"
			} else if err != nil {
				t.Error(err)
			}
			out[got]++
		})
	}
	close(start)
	wg.Wait()
	return out
}

func TestPurgeRemovesWhatEndedADayAgoAndNothingElse(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		r := right(code, secret.NewToken())
		r.Assertion = &Assertion{JTI: "j", Expires: clock.Now().Add(time.Minute)}
		mustRedeem(t, d, g, r)
		clock.Advance(24 * time.Hour)
		issue(t, d, g, Challenge(verifier))
		if err := g.Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got := mustRedeem(t, d, g, right(code, secret.NewToken())); got.Outcome != Reused {
			t.Errorf("a reuse after a day: %s", got.Outcome)
		}
		clock.Advance(time.Hour)
		if err := g.Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int64{}
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			for _, table := range []string{"authorization_grant", "access_token", "used_assertion"} {
				var n int64
				err := tx.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n)
				if err != nil {
					return err
				}
				counts[table] = n
			}
			return nil
		})
		if err != nil || counts["authorization_grant"] != 1 || counts["access_token"] != 0 || counts["used_assertion"] != 0 {
			t.Error(counts, err)
		}
	}, dbtest.WithClock(clock.Now))
}

// A redemption whose transaction fails gives nothing and spends nothing.
func TestARedemptionThatFailsChangesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		token := secret.NewToken()
		broken := errors.New("the audit log is full")
		err := d.WriteStatement(t.Context(), func(tx *db.Tx) error {
			if _, err := g.Redeem(tx, right(code, token)); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) || live(t, d, g, token) {
			t.Fatal(err, "or the token is good")
		}
		if got := mustRedeem(t, d, g, right(code, token)); got.Outcome != Redeemed {
			t.Error(got.Outcome)
		}
	})
}
