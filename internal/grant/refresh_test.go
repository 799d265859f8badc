package grant

import (
	"context"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/secret"
)

// family redeems a code that gives a refresh token, for a public client when bound says to what.
func family(t *testing.T, d *db.DB, g Grants, proof *Proof) (Refresh, id.Grant) {
	t.Helper()
	code, gid := secret.NewToken(), id.New[id.Grant]()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		return g.Issue(tx, Grant{
			ID: gid, Account: "a", RelyingParty: "s", Session: "z", Subject: "sub", Scopes: []string{"openid", "offline_access"}, AuthTime: tx.Now(),
		}, Code{Digest: secret.Digest(code), RedirectURI: callback, Challenge: Challenge(verifier)})
	})
	if err != nil {
		t.Fatal(err)
	}
	r := right(code, secret.NewToken())
	first := NewRefresh()
	r.Proof, r.Offline = proof, &Offline{Scope: "offline_access", Refresh: first, Bound: proof != nil}
	if got := mustRedeem(t, d, g, r); got.Outcome != Redeemed || !got.Offline {
		t.Fatalf("%+v", got)
	}
	return first, gid
}

func renew(ctx context.Context, d *db.DB, g Grants, r Renewal) (Result, error) {
	var out Result
	err := d.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		out, err = g.Renew(tx, r)
		return err
	})
	return out, err
}

func mustRenew(t *testing.T, d *db.DB, g Grants, r Renewal) Result {
	t.Helper()
	out, err := renew(t.Context(), d, g, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// turned is a renewal by which another token takes the place of the one that is presented.
func turned(of Refresh) (Renewal, Refresh) {
	next := of.Next()
	return Renewal{Refresh: of, RelyingParty: "s", May: claim.Scopes, Token: secret.Digest(secret.NewToken()), Next: &next, Sealed: []byte(next.Text())}, next
}

func kept(of Refresh) Renewal {
	return Renewal{Refresh: of, RelyingParty: "s", May: claim.Scopes, Token: secret.Digest(secret.NewToken())}
}

func (r Renewal) with(change func(*Renewal)) Renewal {
	change(&r)
	return r
}

// RFC 9700, 4.14.2: a refresh token that was replaced and comes again revokes its family.
func TestAReplacedRefreshTokenThatComesAgainEndsItsFamily(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		first, _ := family(t, d, g, nil)
		other, _ := family(t, d, g, nil)
		r, second := turned(first)
		access := secret.NewToken()
		r.Token = secret.Digest(access)
		if got := mustRenew(t, d, g, r); got.Outcome != Redeemed {
			t.Fatalf("%+v", got)
		}
		r, third := turned(second)
		mustRenew(t, d, g, r)
		clock.Advance(g.Settings.RefreshGrace)
		for i, old := range []Refresh{second, first, third} {
			r, _ := turned(old)
			got := mustRenew(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), g, r)
			want := Unknown
			if i == 0 {
				want = Reused
			}
			if got.Outcome != want {
				t.Errorf("token %d: %s (%s), want %s", i, got.Outcome, got.Cause, want)
			}
		}
		if live(t, d, g, access) {
			t.Error("an access token of the family is still good")
		}
		r, _ = turned(other)
		if got := mustRenew(t, d, g, r); got.Outcome != Redeemed {
			t.Errorf("another family ended, too: %s", got.Outcome)
		}
	}, dbtest.WithClock(clock.Now))
}

// An answer that was lost is given again, for a while, and no family gets two ends.
func TestWhoDidNotHearTheAnswerIsGivenTheSameSuccessorAgain(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		first, _ := family(t, d, g, nil)
		r, second := turned(first)
		mustRenew(t, d, g, r)
		clock.Advance(g.Settings.RefreshGrace - time.Millisecond)
		r, _ = turned(first)
		got := mustRenew(t, d, g, r)
		if got.Outcome != Repeated || string(got.Sealed) != second.Text() {
			t.Fatalf("%+v", got)
		}
		r, third := turned(second)
		if got := mustRenew(t, d, g, r); got.Outcome != Redeemed {
			t.Fatalf("the successor: %+v", got)
		}
		r, _ = turned(first) // nobody may go back behind a successor that was used
		if got := mustRenew(t, d, g, r); got.Outcome != Reused {
			t.Errorf("the first one: %+v", got)
		}
		r, _ = turned(third)
		if got := mustRenew(t, d, g, r); got.Outcome != Unknown || got.Cause != RefreshRevoked {
			t.Errorf("the last one: %+v", got)
		}
	}, dbtest.WithClock(clock.Now))
}

// RFC 9700, 4.14.2: within the grace a token is answered again so often and no more, each
// token by itself: whoever asks once more has it from somewhere else.
func TestAReplacedRefreshTokenIsAnsweredAgainSoOftenAndNoMore(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		g.Settings.RefreshRetries = 3
		token, _ := family(t, d, g, nil)
		other, _ := family(t, d, g, nil)
		replaced := func(of Refresh) Refresh {
			r, next := turned(of)
			if got := mustRenew(t, d, g, r); got.Outcome != Redeemed {
				t.Fatalf("%+v", got)
			}
			return next
		}
		asked := func(of Refresh, want Outcome) {
			t.Helper()
			r, _ := turned(of)
			if got := mustRenew(t, d, g, r); got.Outcome != want {
				t.Fatalf("%s, want %s", got.Outcome, want)
			}
		}
		second, elsewhere := replaced(token), replaced(other)
		for range 3 {
			asked(token, Repeated)
			asked(other, Repeated)
		}
		third := replaced(second)
		for range 3 { // the successor has its own three
			asked(second, Repeated)
		}
		asked(second, Reused)
		asked(third, Unknown)
		asked(elsewhere, Redeemed) // nobody else's family ended
	}, dbtest.WithClock(clock.Now))
}

// FAPI 2.0 SP, 5.3.2.1: a confidential client goes on with the refresh token it has.
func TestAConfidentialClientKeepsItsRefreshToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		token, _ := family(t, d, g, nil)
		for range 3 {
			if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
				t.Fatalf("%+v", got)
			}
		}
		if got := mustRenew(t, d, g, kept(token.Next())); got.Outcome != Unknown {
			t.Errorf("another token of the family: %s", got.Outcome)
		}
		if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
			t.Errorf("a guess ended the family: %+v", got)
		}
	})
}

func TestARefreshTokenIsGoodForItsClientAndItsKeyOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		end := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
		proof := func(key string) *Proof { return &Proof{Thumbprint: key, JTI: secret.NewToken(), Expires: end} }
		token, _ := family(t, d, g, proof("key"))
		for name, change := range map[string]func(*Renewal){
			"another client": func(r *Renewal) { r.RelyingParty, r.Proof = "other", proof("key") },
			"another key":    func(r *Renewal) { r.Proof = proof("stolen") },
			"no key":         func(*Renewal) {},
		} {
			r, _ := turned(token)
			if got := mustRenew(t, d, g, r.with(change)); got.Outcome != Unknown {
				t.Errorf("%s: %+v", name, got)
			}
		}
		r, next := turned(token)
		if got := mustRenew(t, d, g, r.with(func(r *Renewal) { r.Proof = proof("key") })); got.Outcome != Redeemed {
			t.Fatalf("%+v", got)
		}
		// Who has an old token and not its key learns nothing and ends nothing.
		r, _ = turned(token.Next())
		if got := mustRenew(t, d, g, r); got.Outcome != Unknown || got.Cause != KeyDiffers {
			t.Errorf("%+v", got)
		}
		r, _ = turned(next)
		used := proof("key")
		if got := mustRenew(t, d, g, r.with(func(r *Renewal) { r.Proof = used })); got.Outcome != Redeemed {
			t.Fatalf("%+v", got)
		}
		r, _ = turned(next)
		if got := mustRenew(t, d, g, r.with(func(r *Renewal) { r.Proof = used })); got.Outcome != Replayed || got.Cause != ProofReplayed {
			t.Errorf("a proof twice: %+v", got)
		}
	})
}

func TestARefreshTokenEndsUnusedAndInTheEndAnyway(t *testing.T) {
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		g := grants(t, d)
		g.Settings.RefreshIdle, g.Settings.RefreshLife = 2*time.Hour, 5*time.Hour
		unused, _ := family(t, d, g, nil)
		token, _ := family(t, d, g, nil)
		for range 2 {
			clock.Advance(2*time.Hour - time.Millisecond)
			if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
				t.Fatalf("%+v", got)
			}
		}
		if got := mustRenew(t, d, g, kept(unused)); got.Outcome != Unknown || got.Cause != RefreshExpired {
			t.Errorf("one that was not used: %+v", got)
		}
		clock.Advance(time.Hour - 5*time.Minute)
		got := mustRenew(t, d, g, kept(token))
		if end := start.Add(5 * time.Hour); got.Outcome != Redeemed || !got.Expires.Equal(end) {
			t.Errorf("an access token outlives its family: %+v, want %s", got, end)
		}
		if err := g.Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		clock.Advance(10 * time.Minute)
		if got := mustRenew(t, d, g, kept(token)); got.Outcome != Unknown || got.Cause != RefreshExpired {
			t.Errorf("after its end: %+v", got)
		}
		clock.Advance(25 * time.Hour)
		if err := g.Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got := mustRenew(t, d, g, kept(token)); got.Cause != RefreshUnknown {
			t.Errorf("it is never forgotten: %+v", got)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestARefreshTokenOutlivesADayAndEndsWithEverythingThatItCameFrom(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		for name, end := range map[string]func(tx *db.Tx) error{
			"connection": func(tx *db.Tx) error { return g.EndConnection(tx, "a", "s") },
			"account":    func(tx *db.Tx) error { return g.EndAccount(tx, "a") },
			"service":    func(tx *db.Tx) error { return g.EndParty(tx, "s") },
			"session":    func(tx *db.Tx) error { return g.EndSession(tx, "z", "z") },
			"others":     func(tx *db.Tx) error { return g.EndOthers(tx, "a", "mine") },
			"password":   func(tx *db.Tx) error { return g.PasswordChanged(tx, "a") },
			"erasure":    func(tx *db.Tx) error { return g.Forget(tx, "a") },
		} {
			token, _ := family(t, d, g, nil)
			clock.Advance(3 * 24 * time.Hour)
			if err := g.Purge(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
				t.Fatalf("%s: it was purged: %+v", name, got)
			}
			var away map[id.RelyingParty]time.Time
			look := func(tx *db.Tx) (err error) { away, err = g.Away(tx, "a"); return err }
			if err := d.Read(t.Context(), look); err != nil || away["s"].IsZero() {
				t.Errorf("%s: away %v, %v", name, away, err)
			}
			if err := d.Write(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			if got := mustRenew(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), g, kept(token)); got.Outcome != Unknown {
				t.Errorf("%s: it is still good", name)
			}
			if err := d.Read(t.Context(), look); err != nil || len(away) != 0 {
				t.Errorf("%s: away %v, %v", name, away, err)
			}
		}
		g.Settings.RefreshEndsWithPassword = false
		token, _ := family(t, d, g, nil)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return g.PasswordChanged(tx, "a") }); err != nil {
			t.Fatal(err)
		}
		if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
			t.Errorf("a deployment that wants it to stay: %+v", got)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAReusedCodeEndsTheRefreshTokenThatItGave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		code, _ := issue(t, d, g, Challenge(verifier))
		r := right(code, secret.NewToken())
		token := NewRefresh()
		r.Offline = &Offline{Scope: "email", Refresh: token}
		mustRedeem(t, d, g, r)
		mustRedeem(t, d, g, right(code, secret.NewToken()))
		if got := mustRenew(t, d, g, kept(token)); got.Outcome != Unknown || got.Cause != RefreshRevoked {
			t.Errorf("%+v", got)
		}
		without, _ := issue(t, d, g, Challenge(verifier))
		r = right(without, secret.NewToken())
		r.Offline = &Offline{Scope: "offline_access", Refresh: NewRefresh()}
		if got := mustRedeem(t, d, g, r); got.Offline {
			t.Error("a refresh token without offline_access")
		}
		if got := mustRenew(t, d, g, kept(r.Offline.Refresh)); got.Outcome != Unknown {
			t.Errorf("%+v", got)
		}
	})
}

func TestOfFiveHundredRenewalsOneReplacesTheToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		second := dbtest.Second(t, d)
		for name, c := range map[string]struct {
			grace   time.Duration
			retries int64
			check   func(map[Outcome]int) bool
		}{
			"with a grace": {time.Minute, 499, func(o map[Outcome]int) bool { return o[Redeemed] == 1 && o[Repeated] == 499 }},
			"with a grace for seven": {time.Minute, 7, func(o map[Outcome]int) bool {
				return o[Redeemed] == 1 && o[Repeated] == 7 && o[Reused] == 1 && o[Unknown] == 491
			}},
			"without a grace": {0, 10, func(o map[Outcome]int) bool { return o[Redeemed] == 1 && o[Repeated] == 0 && o[Reused] == 1 }},
		} {
			g := grants(t, d)
			g.Settings.RefreshGrace, g.Settings.RefreshRetries = c.grace, c.retries
			token, _ := family(t, d, g, nil)
			outcomes := race(t, 500, func(i int) (Outcome, error) {
				node := d
				if i%2 == 1 {
					node = second
				}
				r, _ := turned(token)
				got, err := renew(t.Context(), node, g, r)
				return got.Outcome, err
			})
			if !c.check(outcomes) {
				t.Errorf("%s: outcomes %v", name, outcomes)
			}
		}
	}, dbtest.WithoutRehearsal())
}

func TestNoChangedRefreshTokenIsOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		token, _ := family(t, d, g, nil)
		text := token.Text()
		for i := range len(text) {
			for _, changed := range []string{text[:i] + text[i+1:], text[:i] + string(text[i]^1) + text[i+1:], text[:i] + "." + text[i:]} {
				r, ok := ParseRefresh(changed)
				if !ok {
					continue
				}
				if got := mustRenew(t, d, g, kept(r)); got.Outcome != Unknown {
					t.Fatalf("%q: %s", changed, got.Outcome)
				}
			}
		}
		if got := mustRenew(t, d, g, kept(token)); got.Outcome != Redeemed {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzParseRefresh(f *testing.F) {
	f.Add(NewRefresh().Text())
	f.Add(".")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		if r, ok := ParseRefresh(text); ok && r.Text() != text {
			t.Errorf("%q is read as %q", text, r.Text())
		}
	})
}

func TestARefreshTokenOfScopesThatWereAllTakenGivesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		g := grants(t, d)
		refresh, _ := family(t, d, g, nil)
		for _, c := range []struct {
			may  []string
			want Outcome
		}{{nil, Unknown}, {[]string{"email"}, Unknown}, {[]string{"openid"}, Redeemed}} {
			got := mustRenew(t, d, g, kept(refresh).with(func(r *Renewal) { r.May = c.may }))
			if got.Outcome != c.want || c.want == Unknown && got.Cause != ScopesTaken || c.want == Redeemed && len(got.Grant.Scopes) != 1 {
				t.Errorf("%q: %+v", c.may, got)
			}
		}
	})
}
