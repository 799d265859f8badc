package keyring_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/keyring/keyringtest"
	"parvis/internal/secret"
)

func keys(t testing.TB, pepper string, roots ...string) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, r := range roots {
		all = append(all, []byte(strings.Repeat(r, 32)))
	}
	k, err := secret.NewKeys([]byte(strings.Repeat(pepper, 32)), all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ring(t testing.TB, d *db.DB, now func() time.Time) *keyring.Keyring {
	t.Helper()
	k := keys(t, "p", "r")
	return &keyring.Keyring{
		DB: d, Keys: k, Now: now, NewKey: keyringtest.NewKey(d), Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("parvis")},
		Settings: keyring.Settings{RotateEvery: 90 * 24 * time.Hour, PublishBefore: time.Hour, KeepAfter: 2 * time.Hour, CacheFor: time.Minute},
	}
}

// ids are the kids of a published set.
func ids(t testing.TB, jwks []byte) []string {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range set.Keys {
		if k["d"] != nil || k["p"] != nil || k["use"] != "sig" {
			t.Errorf("published: %v", k)
		}
		out = append(out, k["kid"].(string))
	}
	return out
}

func sign(t testing.TB, k *keyring.Keyring, alg jose.Algorithm) (token, kid string) {
	t.Helper()
	s, err := k.Signer(alg)
	if err != nil {
		t.Fatal(err)
	}
	token, err = s.Sign("JWT", map[string]string{"sub": "x"})
	if err != nil {
		t.Fatal(err)
	}
	return token, s.KeyID()
}

func verifies(k *keyring.Keyring, token string) bool {
	_, _, err := k.Set().Verify(token, jose.Algorithms()...)
	return err == nil
}

func TestNodesThatStartAtOnceShareOneSetOfKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		nodes := []*keyring.Keyring{ring(t, d, time.Now), ring(t, dbtest.Second(t, d), time.Now), ring(t, d, time.Now)}
		var all sync.WaitGroup
		for _, k := range nodes {
			all.Go(func() {
				if err := k.Start(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, k := range nodes {
			if err := k.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
			if string(k.JWKS()) != string(nodes[0].JWKS()) || len(ids(t, k.JWKS())) != 2 {
				t.Errorf("the nodes publish %s and %s", k.JWKS(), nodes[0].JWKS())
			}
		}
		for _, alg := range keyring.Algorithms() {
			token, _ := sign(t, nodes[0], alg)
			if !verifies(nodes[1], token) {
				t.Errorf("%s: a node does not verify what another one signed", alg)
			}
		}
		raw := 0
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT COUNT(*) FROM signing_key WHERE retire_at IS NULL").Scan(&raw)
		})
		if err != nil || raw != 2 {
			t.Errorf("%d keys are stored, error %v", raw, err)
		}
	})
}

func TestANodeWithWrongKeyFilesRefusesToStart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := ring(t, d, time.Now).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			keys *secret.Keys
			want string
		}{
			"another root key": {keys(t, "p", "x"), "keys.root_files"},
			"another pepper":   {keys(t, "x", "r"), "keys.pepper_files"},
			"a newer root key": {keys(t, "p", "n", "r"), ""},
			"the newer alone":  {keys(t, "p", "n", "o"), "keys.root_files"},
		} {
			k := ring(t, d, time.Now)
			k.Keys = c.keys
			looked := k.Verify(t.Context())
			err := k.Start(t.Context())
			if (looked == nil) != (err == nil) {
				t.Errorf("%s: Verify says %v, Start says %v", name, looked, err)
			}
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, keyring.ErrWrongKeys) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v", name, err)
			}
			if c.want == "" { // sealed anew: back to the older one for the others
				if err := ring(t, d, time.Now).Start(t.Context()); !errors.Is(err, keyring.ErrWrongKeys) {
					t.Errorf("the check row was not sealed with the newer key: %v", err)
				}
				k.Keys = keys(t, "p", "r", "n")
				if err := k.Start(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestANewKeyIsPublishedBeforeItSignsAndTheOldOneAfter(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := ring(t, d, clock.Now)
		other := ring(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), clock.Now)
		for _, node := range []*keyring.Keyring{k, other} {
			if err := node.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		oldToken, oldKid := sign(t, k, jose.RS256)
		clock.Advance(time.Minute)
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*keyring.Keyring{k, other} {
			if got := ids(t, node.JWKS()); len(got) != 4 || got[0] != oldKid && got[1] != oldKid {
				t.Errorf("after the rotation the set is %q", got)
			}
			if _, kid := sign(t, node, jose.RS256); kid != oldKid {
				t.Error("the new key signs before it was published long enough")
			}
			if got, err := node.Privates(jose.RS256); err != nil || len(got) != 2 || got[0].ID != oldKid || got[0].Signer.KeyID() != oldKid {
				t.Errorf("the key that signs now is not the first of %d: %v", len(got), err)
			}
		}
		clock.Advance(time.Hour)
		newToken, newKid := sign(t, other, jose.RS256)
		if newKid == oldKid || !verifies(k, newToken) || !verifies(k, oldToken) {
			t.Error("the new key does not sign, or one of the two cannot be verified")
		}
		if got := ids(t, other.JWKS()); len(got) != 4 || got[0] != newKid && got[1] != newKid {
			t.Errorf("the active keys are not first: %q", got)
		}
		if other.List()[0].RetireAt.IsZero() == false {
			t.Errorf("the active key has an end: %+v", other.List())
		}
		clock.Advance(2 * time.Hour)
		if got := ids(t, other.JWKS()); len(got) != 2 || verifies(other, oldToken) {
			t.Errorf("the old key is still published: %q", got)
		}
		if err := k.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(k.List()) != 2 || !verifies(k, newToken) {
			t.Errorf("after the clean-up: %+v", k.List())
		}
		r, err := k.Audit.Verify(t.Context())
		if err != nil || r.Waiting != 6 { // two created, two rotated, two removed
			t.Errorf("%d events, error %v", r.Waiting, err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestANodeWhoseClockIsBehindSignsFromTheFirstStart(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		behind := func() time.Time { return clock.Now().Add(-1900 * time.Millisecond) }
		k, other := ring(t, d, clock.Now), ring(t, dbtest.Second(t, d, dbtest.WithClock(behind)), behind)
		for _, node := range []*keyring.Keyring{k, other} {
			if err := node.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if token, _ := sign(t, other, jose.ES256); len(k.List()) != 2 || !verifies(k, token) {
			t.Errorf("%d keys", len(k.List()))
		}
		if err := k.Replace(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if token, _ := sign(t, other, jose.ES256); !verifies(k, token) {
			t.Error("after the keys were replaced, the two nodes sign with different ones")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestOldKeysAreRotatedByTheJobOnce(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, other := ring(t, d, clock.Now), ring(t, d, clock.Now)
		for _, node := range []*keyring.Keyring{k, other} {
			if err := node.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		clock.Advance(90 * 24 * time.Hour)
		var all sync.WaitGroup
		for _, node := range []*keyring.Keyring{k, other} {
			all.Go(func() {
				if err := node.Maintain(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(k.List()); n != 4 {
			t.Errorf("%d keys after the rotation, want 4", n)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAReplacedKeyIsGoneAtOnce(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := ring(t, d, clock.Now)
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		token, kid := sign(t, k, jose.ES256)
		if err := k.Replace(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, now := sign(t, k, jose.ES256); now == kid || verifies(k, token) || len(k.List()) != 2 {
			t.Error("the key that others may know is still in use")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAKeyringThatWasNotStartedSignsNothing(t *testing.T) {
	k := &keyring.Keyring{Now: time.Now}
	if _, err := k.Signer(jose.RS256); err == nil {
		t.Error("it signs")
	}
	if string(k.JWKS()) != `{"keys":[]}` || k.Set().Len() != 0 {
		t.Error("it publishes something")
	}
	if p := keyring.Preset("parvis").Problems(); len(p) > 0 {
		t.Errorf("the preset: %q", p)
	}
	if p := (keyring.Settings{RotateEvery: time.Minute, PublishBefore: time.Hour}).Problems(); len(p) < 3 {
		t.Errorf("settings that cannot work: %q", p)
	}
}

func TestThePepperCanBeChangedAndNoneIsDroppedThatAPasswordNeeds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		made := func(peppers string) *secret.Keys {
			k := keys(t, peppers[:1], "r")
			for _, older := range peppers[1:] {
				var err error
				if k, err = k.WithOlderPeppers([]byte(strings.Repeat(string(older), 32))); err != nil {
					t.Fatal(err)
				}
			}
			return k
		}
		old, newer := made("p").PepperIDs()[0], made("n").PepperIDs()[0]
		for i, step := range []struct {
			peppers string   // configured, newest first
			needed  []string // by passwords
			want    string   // in the refusal; "": it starts
		}{
			{"p", nil, ""},
			{"p", []string{old}, ""},
			{"n", []string{old}, "keys.pepper_files holds none"},
			{"pn", []string{old}, ""}, // every node learns of the newer one
			{"p", []string{old}, ""},  // a node that has not yet
			{"np", []string{old}, ""}, // it is used
			{"np", []string{newer, old}, ""},
			{"pn", []string{newer, old}, ""}, // a node that still has the former order
			{"np", []string{newer, old}, ""},
			{"n", []string{newer, old}, "that need the pepper " + old},
			{"x", []string{newer}, "keys.pepper_files holds none"},
			{"xn", []string{newer, old}, "that need the pepper " + old},
			{"np", []string{"", newer}, ""},
			{"n", []string{newer}, ""},
		} {
			k := ring(t, d, time.Now)
			k.Keys, k.Peppers = made(step.peppers), func(*db.Tx) ([]string, error) { return step.needed, nil }
			looked := k.Verify(t.Context())
			err := k.Start(t.Context())
			if (looked == nil) != (err == nil) {
				t.Errorf("step %d: Verify says %v, Start says %v", i, looked, err)
			}
			if step.want == "" && err != nil || step.want != "" && (!errors.Is(err, keyring.ErrWrongKeys) || !strings.Contains(err.Error(), step.want)) {
				t.Errorf("step %d: %v", i, err)
			}
		}
	})
}

func TestTheOldestPepperIsKeptForVerifiersFromBeforeThereWereIds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		start := func(pepper, older string, needed ...string) error {
			k := ring(t, d, time.Now)
			k.Keys, k.Peppers = keys(t, pepper, "r"), func(*db.Tx) ([]string, error) { return needed, nil }
			if older != "" {
				var err error
				if k.Keys, err = k.Keys.WithOlderPeppers([]byte(strings.Repeat(older, 32))); err != nil {
					t.Fatal(err)
				}
			}
			return k.Start(t.Context())
		}
		for i, err := range []error{start("p", "", ""), start("n", "p", "")} {
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}
		}
		if err := start("n", "", ""); !errors.Is(err, keyring.ErrWrongKeys) {
			t.Errorf("the oldest was dropped: %v", err)
		}
		for i, err := range []error{start("n", "p"), start("n", "")} {
			if err != nil {
				t.Errorf("once none needs it, start %d: %v", i, err)
			}
		}
	})
}

func TestFurtherAlgorithmsHaveKeysOnceSomebodyWantsThem(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, other := ring(t, d, clock.Now), ring(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), clock.Now)
		for _, one := range []*keyring.Keyring{k, other} {
			if err := one.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := k.Signer(jose.PS256); !fault.Is(err, fault.Unavailable) {
			t.Errorf("nobody wants it: %v", err)
		}
		for _, one := range []*keyring.Keyring{k, other, k} { // every node asks, and one key is made
			if err := one.Prepare(t.Context(), jose.RS256, jose.PS256, jose.EdDSA); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(k.List()); n != 4 {
			t.Errorf("%d keys", n)
		}
		token, first := sign(t, k, jose.PS256)
		if !verifies(other, token) {
			t.Error("the other node does not know it")
		}
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(90 * time.Minute)
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, now := sign(t, k, jose.PS256); now == first || !verifies(k, token) || len(k.List()) != 8 {
			t.Errorf("it does not follow the rotation: %d keys", len(k.List()))
		}
		if err := k.Replace(t.Context()); err != nil {
			t.Fatal(err)
		}
		if verifies(k, token) || len(k.List()) != 4 {
			t.Errorf("a key that others may know stays: %d keys", len(k.List()))
		}
	}, dbtest.WithClock(clock.Now))
}
