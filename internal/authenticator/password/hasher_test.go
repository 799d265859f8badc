package password_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parvis/internal/authenticator/password"
	"parvis/internal/fault"
	"parvis/internal/secret"
)

func keys(t testing.TB, pepper byte) *secret.Keys {
	t.Helper()
	k, err := secret.NewKeys(bytes.Repeat([]byte{pepper}, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rotated are the keys after the pepper was changed: the first is the newest.
func rotated(t testing.TB, peppers ...byte) *secret.Keys {
	t.Helper()
	var older [][]byte
	for _, p := range peppers[1:] {
		older = append(older, bytes.Repeat([]byte{p}, secret.RootBytes))
	}
	k, err := keys(t, peppers[0]).WithOlderPeppers(older...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func cheap(t testing.TB) *password.Hasher {
	t.Helper()
	return password.NewHasher(keys(t, 9), password.Cheap(password.Preset("parvis")))
}

func hash(t testing.TB, h *password.Hasher, typed string) string {
	t.Helper()
	v, err := h.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(t testing.TB, h *password.Hasher, typed, verifier string) password.Checked {
	t.Helper()
	c, err := h.Verify(t.Context(), typed, verifier)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bcrypt cut at 72 bytes, and caches keyed by a cut password let anybody in
// (Okta, 2024).
func TestEveryByteOfALongPasswordCounts(t *testing.T) {
	h := cheap(t)
	for n := 72; n <= 200; n++ {
		stem := strings.Repeat("x", n-1)
		v := hash(t, h, stem+"a")
		if !verify(t, h, stem+"a", v).OK {
			t.Fatalf("%d bytes: not accepted", n)
		}
		if verify(t, h, stem+"b", v).OK || verify(t, h, stem, v).OK || verify(t, h, stem+"aa", v).OK {
			t.Fatalf("%d bytes: another password is accepted", n)
		}
	}
}

func TestAPasswordIsNormalizedAndNothingElse(t *testing.T) {
	h := cheap(t)
	v := hash(t, h, "Élodie mange des pommes")
	if !verify(t, h, "E\u0301lodie mange des pommes", v).OK {
		t.Error("a decomposed É is another password")
	}
	for _, other := range []string{"élodie mange des pommes", "Élodie mange des pommes ", " Élodie mange des pommes", "Elodie mange des pommes"} {
		if verify(t, h, other, v).OK {
			t.Errorf("%q is accepted", other)
		}
	}
}

func TestAVerifierIsSaltedAndPeppered(t *testing.T) {
	h := cheap(t)
	v := hash(t, h, "same password")
	if v == hash(t, h, "same password") {
		t.Error("no salt")
	}
	pepper := ",keyid=" + keys(t, 9).PepperIDs()[0] + "$"
	want := "$argon2id$v=19$m=8,t=1,p=1" + pepper
	if fips140.Enabled() {
		want = "$pbkdf2-sha512$i=1" + pepper
	}
	if !strings.HasPrefix(v, want) {
		t.Errorf("verifier %q", v)
	}
	other := password.NewHasher(keys(t, 8), password.Cheap(password.Preset("parvis")))
	if c, err := other.Verify(t.Context(), "same password", v); err == nil || c.OK {
		t.Errorf("under another pepper: %+v, %v", c, err)
	}
	unnamed := strings.Replace(v, pepper, "$", 1)
	if verify(t, other, "same password", unnamed).OK || !verify(t, h, "same password", unnamed).OK {
		t.Error("the pepper of a verifier without its id is not the oldest")
	}
}

func TestAVerifierWithAnOlderPepperIsAcceptedAndToBeReplaced(t *testing.T) {
	cheapest := password.Cheap(password.Preset("parvis"))
	makers := map[string]*password.Hasher{
		"argon2id": password.NewHasher(keys(t, 9), cheapest),
		"pbkdf2":   password.NewPBKDF2Hasher(keys(t, 9), cheapest),
	}
	for name, old := range makers {
		v := hash(t, old, "a password")
		for order, now := range map[string]struct {
			keys   *secret.Keys
			rehash bool
		}{
			"newest alone":       {rotated(t, 9), false},
			"older, newer known": {rotated(t, 9, 8), false},
			"newer first":        {rotated(t, 8, 9), true},
			"two newer":          {rotated(t, 7, 8, 9), true},
		} {
			h := password.NewHasher(now.keys, cheapest)
			if name == "pbkdf2" {
				h = password.NewPBKDF2Hasher(now.keys, cheapest)
			}
			if got := verify(t, h, "a password", v); !got.OK || got.Rehash != now.rehash {
				t.Errorf("%s, %s: %+v", name, order, got)
			}
			if got := verify(t, h, "another", v); got.OK || got.Rehash {
				t.Errorf("%s, %s, a wrong password: %+v", name, order, got)
			}
			fresh := hash(t, h, "a password")
			if got := verify(t, h, "a password", fresh); !got.OK || got.Rehash || !strings.Contains(fresh, ",keyid="+now.keys.PepperIDs()[0]+"$") {
				t.Errorf("%s, %s: a new verifier %q: %+v", name, order, fresh, got)
			}
		}
	}
}

func TestAnOlderVerifierIsAcceptedAndToBeReplaced(t *testing.T) {
	old := cheap(t)
	v := hash(t, old, "a password")
	if fips140.Enabled() {
		v = "$argon2id$v=19$m=8,t=1,p=1$" + argonSaltAndSum
	}
	s := password.Cheap(password.Preset("parvis"))
	s.Memory, s.Passes = 16, 2
	now := password.NewHasher(keys(t, 9), s)
	if got := verify(t, now, "a password", v); !got.OK || !got.Rehash {
		t.Errorf("%+v", got)
	}
	if got := verify(t, now, "another", v); got.OK || got.Rehash {
		t.Errorf("%+v", got)
	}
	if got := verify(t, now, "a password", hash(t, now, "a password")); !got.OK || got.Rehash {
		t.Errorf("%+v", got)
	}
	// A verifier from a deployment in FIPS 140 mode.
	pbkdf2 := password.NewPBKDF2Hasher(keys(t, 9), s)
	v = hash(t, pbkdf2, "a password")
	if !strings.HasPrefix(v, "$pbkdf2-sha512$i=1,keyid=") || !verify(t, pbkdf2, "a password", v).OK || verify(t, pbkdf2, "another", v).OK {
		t.Errorf("PBKDF2: %q", v)
	}
	if got := verify(t, now, "a password", v); !got.OK || got.Rehash == fips140.Enabled() {
		t.Errorf("PBKDF2 outside of FIPS mode: %+v", got)
	}
}

func TestADamagedVerifierIsAnErrorAndNoAnswer(t *testing.T) {
	h := cheap(t)
	const v = "$argon2id$v=19$m=8,t=1,p=1$" + argonSaltAndSum
	for _, damaged := range []string{
		"", "x", v[1:], v + "=", v + "$", strings.Replace(v, "m=8", "m=08", 1),
		strings.Replace(v, "m=8", "m=4294967295", 1), strings.Replace(v, "t=1", "t=99999", 1), strings.Replace(v, "p=1", "p=0", 1),
		strings.Replace(v, "v=19", "v=16", 1), strings.Replace(v, "argon2id", "argon2i", 1), strings.Replace(v, "p=1", "p=1,keyid=", 1),
		strings.Replace(v, "p=1", "p=1,keyid=AAAAAAAAAAAA", 1), strings.Replace(v, "p=1", "keyid=AAAAAAAA,p=1", 1), "$pbkdf2-sha512$i=999999999$AAAA$AAAA",
	} {
		if c, err := h.Verify(t.Context(), "a password", damaged); err == nil || c.OK {
			t.Errorf("%q: %+v, %v", damaged, c, err)
		}
	}
}

func TestTooManyAtOnceAreSentAwayAtOnceAndTheOthersServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := password.Cheap(password.Preset("parvis"))
		s.Concurrency, s.Queue, s.QueueTimeout = 1, 2, 2*time.Second
		h := password.NewHasher(keys(t, 9), s)
		leave := password.Occupy(h)
		results := make(chan error, 5)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { results <- h.VerifyDummy(context.Background(), "x") })
		}
		synctest.Wait()
		for range 3 { // the queue holds two
			e := <-results
			if !fault.Is(e, fault.Unavailable) || e.(*fault.Error).RetryAfter == 0 { //nolint:errorlint,forcetypeassert // returned bare
				t.Errorf("beyond the queue: %v", e)
			}
		}
		if h.Waiting() != 2 {
			t.Errorf("%d wait", h.Waiting())
		}
		leave()
		wg.Wait()
		for range 2 {
			if e := <-results; e != nil {
				t.Errorf("in the queue: %v", e)
			}
		}
		defer password.Occupy(h)()
		if e := h.VerifyDummy(context.Background(), "x"); !fault.Is(e, fault.Unavailable) { // after two seconds of the bubble
			t.Errorf("after the time to wait: %v", e)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if e := h.VerifyDummy(ctx, "x"); !fault.Is(e, fault.Unavailable) {
			t.Errorf("for someone who has gone: %v", e)
		}
		if h.Waiting() != 0 {
			t.Errorf("%d still wait", h.Waiting())
		}
	})
}

func FuzzVerifier(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1,keyid=AAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$pbkdf2-sha512$i=1,keyid=,keyid=$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$pbkdf2-sha512$i=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		again, ok := password.ReadVerifier(text)
		if ok && again != text {
			t.Fatalf("%q is read as %q", text, again)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := password.NewHasher(keys(b, 9), password.Preset("parvis"))
	v := hash(b, h, "correct horse battery staple")
	for b.Loop() {
		if _, err := h.Verify(b.Context(), "correct horse battery staple", v); err != nil {
			b.Fatal(err)
		}
	}
}

// argonSaltAndSum ends the verifier of "a password" under the pepper 9 and the cheap parameters.
const argonSaltAndSum = "/wZA2wVgMupXd//sfMf25w$T+bY55Xbz6c5g2gebt7iMVR+IY/FtlqU6kar7iyHLN8"

func TestAVerifierLikeAnotherIsEqualForEqualTextsAlone(t *testing.T) {
	for name, h := range map[string]*password.Hasher{
		"argon2id": cheap(t), "pbkdf2": password.NewPBKDF2Hasher(keys(t, 9), password.Cheap(password.Preset("parvis"))),
	} {
		v := hash(t, h, "7K30M9210XVD")
		like := func(text string) string {
			out, err := h.HashLike(t.Context(), text, v)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if like("7K30M9210XVD") != v || like("7K30M9210XVE") == v || like("") == v {
			t.Errorf("%s: %s", name, v)
		}
		other := like("7K30M9210XVE")
		if !verify(t, h, "7K30M9210XVE", other).OK {
			t.Errorf("%s: it is no verifier of its own text", name)
		}
		if _, err := h.HashLike(t.Context(), "x", "no verifier"); err == nil {
			t.Errorf("%s: like nothing", name)
		}
	}
}
