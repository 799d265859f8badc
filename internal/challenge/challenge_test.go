package challenge

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

func challenges(t testing.TB, d *db.DB, now func() time.Time) *Challenges {
	t.Helper()
	keys, err := secret.NewKeys([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("r", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s := Preset("parvis")
	s.Cost, s.Tries = 2, 20
	return &Challenges{DB: d, Keys: keys, Settings: s, Now: now}
}

// solve does the work of a browser.
func solve(t testing.TB, text string) payload {
	t.Helper()
	var c signed
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	nonce, err := hex.DecodeString(c.Parameters.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	salt, err := hex.DecodeString(c.Parameters.Salt)
	if err != nil {
		t.Fatal(err)
	}
	for counter := range uint32(1000) {
		key, err := derive(nonce, salt, counter, c.Parameters.Cost)
		if err != nil {
			t.Fatal(err)
		}
		if found := hex.EncodeToString(key); strings.HasPrefix(found, c.Parameters.KeyPrefix) {
			return payload{Challenge: c, Solution: solution{Counter: counter, DerivedKey: found}}
		}
	}
	t.Fatal("the challenge has no solution")
	return payload{}
}

func write(t testing.TB, p payload) string {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

func made(t testing.TB, c *Challenges, what For) string {
	t.Helper()
	text, err := c.Make(what)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func spend(t testing.TB, c *Challenges, what For, answer string) bool {
	t.Helper()
	ok, err := c.Spend(t.Context(), what, answer)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// The vector was made with npm altcha 3.2.2: createChallenge and solveChallenge of its library.
func TestOneTryIsThatOfTheLibraryThatDefinesTheProtocol(t *testing.T) {
	nonce, _ := hex.DecodeString("7e70c559f5dcd20302e278bf15aa226d")
	salt, _ := hex.DecodeString("3245d5ad56ed4faf6efc405d4fc75610")
	key, err := derive(nonce, salt, 7, 25)
	if want := "c00b5d715c7275b200296ea884934e24db213eadd2c022502dea58efe7c6712d"; err != nil || hex.EncodeToString(key) != want {
		t.Errorf("%x, %v; want %s", key, err, want)
	}
}

func TestASolutionIsTakenOnceHoweverManyBringIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		nodes := []*Challenges{
			challenges(t, d, clock.Now),
			challenges(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal()), clock.Now),
		}
		what := For{Form: "sign-in", Browser: []byte("browser")}
		answer := write(t, solve(t, made(t, nodes[0], what)))
		var taken atomic.Int64
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				ok, err := nodes[i%2].Spend(t.Context(), what, answer)
				if err != nil {
					t.Error(err)
				}
				if ok {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("taken %d times", taken.Load())
		}
		if !spend(t, nodes[1], what, write(t, solve(t, made(t, nodes[0], what)))) {
			t.Error("another challenge is refused")
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal())
}

func TestASolutionIsBoundToItsFormItsBrowserItsTimeAndItsNumbers(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, db.SQLite, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal())
	c := challenges(t, d, clock.Now)
	what := For{Form: "sign-in", Browser: []byte("browser")}
	right := solve(t, made(t, c, what))
	for name, other := range map[string]For{
		"another form":    {Form: "contact", Browser: what.Browser},
		"another browser": {Form: what.Form, Browser: []byte("other")},
		"no browser":      {Form: what.Form},
	} {
		if spend(t, c, other, write(t, right)) {
			t.Errorf("taken for %s", name)
		}
	}
	for name, change := range map[string]func(p *payload){
		"a cheaper cost":   func(p *payload) { p.Challenge.Parameters.Cost = 1 },
		"a later end":      func(p *payload) { p.Challenge.Parameters.ExpiresAt += 3600 },
		"another nonce":    func(p *payload) { p.Challenge.Parameters.Nonce = strings.Repeat("0", 32) },
		"another key":      func(p *payload) { p.Solution.DerivedKey = strings.Repeat("0", 64) },
		"the prefix only":  func(p *payload) { p.Solution.DerivedKey = p.Challenge.Parameters.KeyPrefix + strings.Repeat("0", 32) },
		"no signature":     func(p *payload) { p.Challenge.Signature = "" },
		"its own key sign": func(p *payload) { p.Challenge.Parameters.KeySignature = "" },
	} {
		p := right
		change(&p)
		if spend(t, c, what, write(t, p)) {
			t.Errorf("taken with %s", name)
		}
	}
	clock.Advance(c.Settings.Lifetime)
	if spend(t, c, what, write(t, right)) {
		t.Error("taken after its end")
	}
	clock.Advance(-time.Minute)
	if !spend(t, c, what, write(t, right)) {
		t.Error("the right one is refused")
	}
	if spend(t, c, what, write(t, right)) {
		t.Error("taken again")
	}
	clock.Advance(c.Settings.Lifetime + 2*time.Minute)
	if err := c.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := -1
	if err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM challenge_spent`).Scan(&n) }); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if spend(t, c, what, write(t, right)) {
		t.Error("taken again after its row is gone")
	}
}

func TestABrowserCannotSaveMoreThanHalfTheWorkByLuck(t *testing.T) {
	clock := dbtest.NewClock()
	c := challenges(t, nil, clock.Now)
	for range 50 {
		if n := solve(t, made(t, c, For{})).Solution.Counter; int(n) < c.Settings.Tries/2 || int(n) >= c.Settings.Tries {
			t.Errorf("counter %d", n)
		}
	}
}

func TestAMailedCodeIsForOneBrowserAndOneAddressAndWorksAFewTimes(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := challenges(t, d, clock.Now)
		browser := []byte("browser")
		mailed := func() Code {
			code := c.NewCode()
			if err := d.Write(t.Context(), func(tx *db.Tx) error { return c.Mail(tx, code, browser, "sam@example.org") }); err != nil {
				t.Fatal(err)
			}
			return code
		}
		give := func(code Code, browser, address, typed string) Given {
			t.Helper()
			out, err := c.Give(t.Context(), code.ID, []byte(browser), address, typed)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		code := mailed()
		wrong := "000000"
		if code.Code == wrong {
			wrong = "000001"
		}
		for _, tt := range []struct {
			browser, address, typed string
			want                    Given
		}{
			{"other", "sam@example.org", code.Code, Ended},
			{"browser", "eve@example.org", code.Code, Ended},
			{"browser", "sam@example.org", wrong, Wrong},
			{"browser", "sam@example.org", " " + code.Code[:3] + " " + code.Code[3:], Right},
			{"browser", "sam@example.org", "", Right}, // typed once
			{"other", "sam@example.org", "", Ended},
		} {
			if got := give(code, tt.browser, tt.address, tt.typed); got != tt.want {
				t.Errorf("%+v: %s", tt, got)
			}
		}
		late := mailed()
		clock.Advance(late.Lasts)
		if got := give(late, "browser", "sam@example.org", late.Code); got != Ended {
			t.Errorf("an old code is %s", got)
		}
		guessed := mailed()
		var right atomic.Int64
		var compared sync.WaitGroup
		for range 40 {
			compared.Go(func() {
				got, err := c.Give(t.Context(), guessed.ID, browser, "sam@example.org", guessed.Code)
				if err != nil {
					t.Error(err)
				}
				if got == Right {
					right.Add(1)
				}
			})
		}
		compared.Wait()
		if int(right.Load()) != c.Settings.CodeUses {
			t.Errorf("a code was used %d times at once, want %d", right.Load(), c.Settings.CodeUses)
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal())
}

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add("e30=")
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"challenge":{"parameters":{"nonce":"00"},"signature":"x"},"solution":{"counter":-1,"derivedKey":"00"}}`)))
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"solution":{"counter":4294967296}}`)))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			return
		}
		if len(text) > maxPayload || len(p.Solution.DerivedKey) != 2*keyBytes || len(p.Challenge.Parameters.Nonce) != 2*nonceBytes {
			t.Errorf("%q was taken as %+v", text, p)
		}
	})
}
