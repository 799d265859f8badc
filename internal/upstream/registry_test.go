package upstream

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/secret"
)

func keys(t *testing.T, roots ...byte) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, b := range roots {
		all = append(all, bytes.Repeat([]byte{b}, secret.RootBytes))
	}
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// house is a registry and a store on one database.
func house(t *testing.T, d *db.DB, now func() time.Time, file ...*Provider) Store {
	t.Helper()
	k := keys(t, 1)
	return Store{Registry: &Registry{DB: d, Keys: k, Now: now, File: file}, Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}}
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeOfASignInPartnerIsSeenOnAnotherNodeWithinASecond(t *testing.T) {
	if PollEvery > time.Second/2 {
		t.Errorf("it is looked at every %v", PollEvery)
	}
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		other := house(t, dbtest.Second(t, d), clock.Now).Registry
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); other.Run(ctx) }()
		defer func() { stop(); <-done }()
		soon := func(what string, ok func(p *Provider) bool) {
			t.Helper()
			for range 3000 { // a busy machine may take longer than the promised second
				if p, err := other.Get(t.Context(), "bank"); err == nil && ok(p) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Fatalf("%s was not seen", what)
		}
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good()) })
		soon("the new partner", func(p *Provider) bool { return p.Client.Secret == "of the bank" && !p.Disabled && !p.FromFile })
		changed := good()
		changed.OIDC.Secret, changed.Order = "", 7
		changed.OIDC.Auth = AuthPost
		write(t, d, func(tx *db.Tx) error { return st.Update(tx, changed) })
		soon("the change, which keeps the secret", func(p *Provider) bool { return p.Order == 7 && p.Client.Secret == "of the bank" })
		changed.OIDC.Secret = "a new one"
		write(t, d, func(tx *db.Tx) error { return st.Update(tx, changed) })
		soon("the new secret", func(p *Provider) bool { return p.Client.Secret == "a new one" })
		write(t, d, func(tx *db.Tx) error { return st.Disable(tx, "bank") })
		soon("the end", func(p *Provider) bool { return p.Disabled })
		write(t, d, func(tx *db.Tx) error { return st.Enable(tx, "bank") })
		soon("the new beginning", func(p *Provider) bool { return !p.Disabled })
		if p, err := other.ByIssuer(t.Context(), good().Issuer); err != nil || p == nil || p.ID != "bank" {
			t.Errorf("by issuer: %v %v", p, err)
		}
		if p, err := other.ByIssuer(t.Context(), "https://gone.example"); err != nil || p != nil {
			t.Errorf("of an issuer that is gone: %v %v", p, err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnOldListOfPartnersIsReadThroughAndRefusedWhenTheDatabaseIsGone(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		other := house(t, dbtest.Second(t, d), clock.Now).Registry
		if err := other.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good()) })
		if _, err := other.Get(t.Context(), "bank"); !fault.Is(err, fault.NotFound) {
			t.Errorf("before anybody looked: %v", err)
		}
		clock.Advance(StaleAfter)
		if _, err := other.Get(t.Context(), "bank"); err != nil {
			t.Errorf("read through: %v", err)
		}
		clock.Advance(StaleAfter)
		unreadable, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := other.List(unreadable); !fault.Is(err, fault.Unavailable) {
			t.Errorf("without a database: %v", err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnIssuerHasOneProviderForGood(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		inFile := good()
		inFile.ID, inFile.Issuer, inFile.Name, inFile.Brand = "province", "https://sign-in.province.example", i18n.Text{"en": "The province", "fr": "La province"}, nil
		file, problems := FromFile([]Settings{inFile})
		if len(problems) > 0 || !file[0].FromFile {
			t.Fatal(problems)
		}
		st := house(t, d, clock.Now, file...)
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good()) })
		twin, moved, stolen, second := good(), good(), good(), inFile
		twin.ID = "bank-2"
		moved.Issuer = "https://elsewhere.example"
		stolen.ID, stolen.Issuer = "stolen", inFile.Issuer
		second.Issuer = "https://second.example"
		for name, change := range map[string]func(tx *db.Tx) error{
			"the same again":         func(tx *db.Tx) error { return st.Create(tx, good()) },
			"its issuer elsewhere":   func(tx *db.Tx) error { return st.Create(tx, twin) },
			"the issuer of the file": func(tx *db.Tx) error { return st.Create(tx, stolen) },
			"the id of the file":     func(tx *db.Tx) error { return st.Create(tx, second) },
			"another issuer":         func(tx *db.Tx) error { return st.Update(tx, moved) },
			"the file's, changed":    func(tx *db.Tx) error { return st.Update(tx, inFile) },
			"the file's, disabled":   func(tx *db.Tx) error { return st.Disable(tx, "province") },
		} {
			err := d.Write(t.Context(), change)
			want := fault.Conflict
			if name == "the file's, changed" {
				want = fault.NotFound // of those that can be changed
			}
			if !fault.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Disable(tx, "nobody") }); !fault.Is(err, fault.NotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		wrong := good()
		wrong.Issuer = "bank"
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Create(tx, wrong) }); !fault.Is(err, fault.Invalid) {
			t.Errorf("wrong settings: %v", err)
		}
		bank, _ := FromFile([]Settings{good()})
		if err := house(t, d, clock.Now, bank...).Registry.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "bank") {
			t.Errorf("in the file and in the database: %v", err)
		}
		bank[0].ID = "other"
		if err := house(t, d, clock.Now, bank...).Registry.Start(t.Context()); err == nil {
			t.Error("one issuer in the file and in the database: started")
		}
		if err := house(t, d, clock.Now, file[0], file[0]).Registry.Start(t.Context()); err == nil {
			t.Error("twice in the file: started")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestCredentialsOfPartnersAreSealedToTheirRow(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		s := good()
		s.OIDC.DecryptionKey = pemKey(t, jose.ES256)
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, s) })
		other := good()
		other.ID, other.Issuer, other.Name, other.Brand = "other", "https://other.example", i18n.Text{"en": "Another", "fr": "Une autre"}, nil
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, other) })
		write(t, d, func(tx *db.Tx) error {
			var settings string
			var sealed []byte
			if err := tx.QueryRow(`SELECT settings, credentials FROM upstream_provider WHERE id = 'bank'`).Scan(&settings, &sealed); err != nil {
				return err
			}
			for _, text := range []string{"of the bank", "PRIVATE KEY"} {
				if strings.Contains(settings, text) || bytes.Contains(sealed, []byte(text)) {
					t.Errorf("%q stands in the database", text)
				}
			}
			back, err := st.Settings(tx, "bank")
			if err != nil || back.OIDC.Secret != "of the bank" || back.OIDC.DecryptionKey != s.OIDC.DecryptionKey {
				t.Errorf("%v", err)
			}
			return tx.ExecOne(`UPDATE upstream_provider SET credentials = $1 WHERE id = 'other'`, sealed)
		})
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Registry.Get(t.Context(), "other"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a provider with the credentials of another row: %v", err)
		}
		list, err := st.Registry.List(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != "bank" {
			t.Errorf("%v %v", list, err)
		}
	}, dbtest.WithClock(clock.Now))
}
