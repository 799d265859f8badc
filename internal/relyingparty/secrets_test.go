package relyingparty

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/jose"
	"parvis/internal/secret"
)

func rootKeys(t *testing.T, roots ...byte) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, r := range roots {
		all = append(all, bytes.Repeat([]byte{r}, 32))
	}
	k, err := secret.NewKeys(make([]byte, 32), all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A secret is there in itself for client_secret_jwt alone, sealed for its row, and follows
// the root key.
func TestASecretIsKeptSealedForThoseAloneWhoSignWithIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		st.Registry.Keys = rootKeys(t, 1)
		first, second, plain := secret.NewToken(), secret.NewToken(), secret.NewToken()
		macs := good()
		macs.ID, macs.Auth = "macs", string(AuthSecretJWT)
		write(t, d, func(tx *db.Tx) error {
			if err := st.Create(tx, macs, st.Keep(AuthSecretJWT, "macs", first)); err != nil {
				return err
			}
			return st.Create(tx, good(), st.Keep(AuthBasic, "health-card", plain))
		})
		write(t, d, func(tx *db.Tx) error {
			return st.RotateSecret(tx, "macs", st.Keep(AuthSecretJWT, "macs", second), tx.Now().Add(time.Hour))
		})
		rows := func() map[string]record {
			out := map[string]record{}
			if err := d.Read(t.Context(), func(tx *db.Tx) error {
				all, err := readAll(tx)
				for _, r := range all {
					out[r.id] = r
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		before := rows()
		for _, stored := range [][]byte{before["macs"].secret, before["macs"].former} {
			if bytes.Contains(stored, []byte(first)) || bytes.Contains(stored, []byte(second)) || len(stored) <= 32 {
				t.Errorf("stored as %q", stored)
			}
		}
		if !bytes.Equal(before["health-card"].secret, secret.Digest(plain)) {
			t.Error("another secret is kept otherwise than as its digest")
		}
		for name, err := range map[string]error{
			"a digest": d.Write(t.Context(), func(tx *db.Tx) error { return st.RotateSecret(tx, "macs", secret.Digest(first), tx.Now()) }),
			"sealed": d.Write(t.Context(), func(tx *db.Tx) error {
				return st.RotateSecret(tx, "health-card", st.Keep(AuthSecretJWT, "health-card", first), tx.Now())
			}),
			"another method": d.Write(t.Context(), func(tx *db.Tx) error { s := macs; s.Auth = ""; return st.Update(tx, s) }),
			"this method":    d.Write(t.Context(), func(tx *db.Tx) error { s := good(); s.Auth = macs.Auth; return st.Update(tx, s) }),
		} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// The next root key: what the older one sealed is sealed anew, and the older one can go.
		st.Registry.Keys = rootKeys(t, 2, 1)
		if err := st.Reseal(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		after := rows()
		if bytes.Equal(before["macs"].secret, after["macs"].secret) || !bytes.Equal(before["health-card"].secret, after["health-card"].secret) {
			t.Error("the wrong rows were sealed anew")
		}
		st.Registry.Keys = rootKeys(t, 2)
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := get(t, st.Registry, "macs")
		if len(p.Secrets) != 2 || !p.SecretMatches(first, clock.Now()) || !p.SecretMatches(second, clock.Now()) || p.SecretMatches(first, clock.Now().Add(time.Hour)) {
			t.Errorf("%d secrets", len(p.Secrets))
		}
		if err := st.Reseal(t.Context(), d); err != nil || !bytes.Equal(rows()["macs"].secret, after["macs"].secret) {
			t.Errorf("sealed once more: %v", err)
		}
		// One that cannot be opened leaves its service out, and no other.
		st.Registry.Keys = rootKeys(t, 3)
		write(t, d, bump)
		if err := st.Registry.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Registry.Get(t.Context(), "macs"); !fault.Is(err, fault.NotFound) {
			t.Errorf("under a foreign key: %v", err)
		}
		if !get(t, st.Registry, "health-card").SecretMatches(plain, clock.Now()) {
			t.Error("another service is gone, too")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestSettingsOfAssertionsByASecret(t *testing.T) {
	plain := strings.Repeat("s", 32)
	with := func(change func(*Settings)) Settings {
		s := good()
		s.Auth, s.Secret = string(AuthSecretJWT), plain
		change(&s)
		return s
	}
	p, problems := with(func(s *Settings) { s.AuthAlg = "HS256" }).Build()
	if len(problems) > 0 || len(p.Secrets) != 1 || !p.SecretMatches(plain, time.Time{}) {
		t.Fatalf("%v", problems)
	}
	if _, err := p.VerifySecret("a.b.c", time.Time{}); err == nil {
		t.Error("no token was verified")
	}
	basic, _ := with(func(s *Settings) { s.Auth = "" }).Build()
	if _, err := basic.VerifySecret("a.b.c", time.Time{}); !errors.Is(err, jose.ErrSignature) {
		t.Errorf("a secret of another method: %v", err)
	}
	for name, s := range map[string]Settings{
		"short":          with(func(s *Settings) { s.Secret = plain[1:] }),
		"a digest":       with(func(s *Settings) { s.Secret, s.SecretSHA256 = "", []string{strings.Repeat("ab", 32)} }),
		"HS512":          with(func(s *Settings) { s.AuthAlg = "HS512" }),
		"ES256":          with(func(s *Settings) { s.AuthAlg = "ES256" }),
		"fapi2":          with(func(s *Settings) { s.Profile = "fapi2" }),
		"HS256 for keys": with(func(s *Settings) { s.Auth, s.Secret, s.JWKS, s.AuthAlg = "private_key_jwt", "", keySet(t), "HS256" }),
	} {
		if len(s.Problems()) == 0 {
			t.Errorf("%s: no problem", name)
		}
	}
	if _, problems := FromFile([]Settings{with(func(s *Settings) { s.Secret = "" })}); len(problems) != 1 || strings.Contains(problems[0], "secret_sha256") {
		t.Errorf("without a secret: %q", problems)
	}
}
