package relyingparty

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/secret"
)

func good() Settings {
	return Settings{
		ID: "health-card", Name: i18n.Text{"en": "Health card", "fr": "Carte Santé"}, Department: i18n.Text{"en": "Ministry of Health"},
		RedirectURIs: []string{"https://health.example/cb"}, PostLogoutRedirectURIs: []string{"https://health.example/"},
		StartURL: "https://health.example/", Scopes: []string{"openid", "email"}, Purposes: map[string]i18n.Text{"email": {"en": "To send you the card's status"}},
	}
}

func keySet(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.ES256, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.NewKeySet(signer.JWK()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAGoodPartnerIsBuiltWithSafeDefaults(t *testing.T) {
	p, problems := good().Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if !p.RequirePKCE || p.FormPost || p.IDTokenAlg != "RS256" || p.Sector != "client:health-card" || p.AuthMethod != AuthBasic ||
		p.Native || p.Listed || p.IDTokenClaims || p.ReturnURL != "https://health.example/" || p.OpenURL("https://id.example") != "https://health.example/" {
		t.Errorf("%+v", p)
	}
}

func TestEachMistakeInAPartnerIsNamedByItsKey(t *testing.T) {
	keys := keySet(t)
	for name, c := range map[string]struct {
		spoil func(*Settings)
		key   string
	}{
		"no id":                 {func(s *Settings) { s.ID = "" }, "].id:"},
		"id with a space":       {func(s *Settings) { s.ID = "a b" }, "].id:"},
		"no name":               {func(s *Settings) { s.Name = nil }, ".name:"},
		"empty name":            {func(s *Settings) { s.Name["en"] = " " }, ".name.en:"},
		"long name":             {func(s *Settings) { s.Name["en"] = strings.Repeat("n", 81) }, ".name.en:"},
		"name with direction":   {func(s *Settings) { s.Name["en"] = "\u202eknab" }, ".name.en:"},
		"name of two lines":     {func(s *Settings) { s.Name["en"] = "a\nb" }, ".name.en:"},
		"no department":         {func(s *Settings) { s.Department = nil }, ".department:"},
		"no redirect":           {func(s *Settings) { s.RedirectURIs = nil }, ".redirect_uris:"},
		"redirect without TLS":  {func(s *Settings) { s.RedirectURIs = []string{"http://health.example/cb"} }, ".redirect_uris:"},
		"redirect javascript":   {func(s *Settings) { s.RedirectURIs = []string{"javascript:alert(1)"} }, ".redirect_uris:"},
		"redirect data":         {func(s *Settings) { s.RedirectURIs = []string{"data:text/html,x"} }, ".redirect_uris:"},
		"redirect wildcard":     {func(s *Settings) { s.RedirectURIs = []string{"https://*.health.example/cb"} }, ".redirect_uris:"},
		"redirect fragment":     {func(s *Settings) { s.RedirectURIs = []string{"https://health.example/cb#x"} }, ".redirect_uris:"},
		"redirect user":         {func(s *Settings) { s.RedirectURIs = []string{"https://u@health.example/cb"} }, ".redirect_uris:"},
		"private scheme on web": {func(s *Settings) { s.RedirectURIs = []string{"ca.example:/cb"} }, ".redirect_uris:"},
		"landing":               {func(s *Settings) { s.PostLogoutRedirectURIs = []string{"http://x.example"} }, ".post_logout_redirect_uris:"},
		"start":                 {func(s *Settings) { s.StartURL = "javascript:1" }, ".start_url:"},
		"initiate":              {func(s *Settings) { s.InitiateLoginURI = "//x" }, ".initiate_login_uri:"},
		"support url":           {func(s *Settings) { s.Support.URL = i18n.Text{"en": "http://x.example"} }, ".support.url.en:"},
		"support email":         {func(s *Settings) { s.Support.Email = "a@b.example\r\nBcc: c" }, ".support.email:"},
		"type":                  {func(s *Settings) { s.Type = "spa" }, ".type:"},
		"auth":                  {func(s *Settings) { s.Auth = "client_secret_hmac" }, ".auth:"},
		"alg none":              {func(s *Settings) { s.IDTokenAlg = "none" }, ".id_token_alg:"},
		"alg HS256":             {func(s *Settings) { s.IDTokenAlg = "HS256" }, ".id_token_alg:"},
		"public without PKCE":   {func(s *Settings) { s.Auth, s.PKCE = "none", "optional" }, ".pkce:"},
		"subject":               {func(s *Settings) { s.Subject = "email" }, ".subject:"},
		"public with sector":    {func(s *Settings) { s.Subject, s.Sector = "public", "x" }, ".sector:"},
		"unknown scope":         {func(s *Settings) { s.Scopes = []string{"everything"} }, ".scopes:"},
		"unknown purpose":       {func(s *Settings) { s.Purposes["ssn"] = i18n.Text{"en": "x"} }, ".purposes:"},
		"acr with a space":      {func(s *Settings) { s.ACR = []string{"a b"} }, ".acr:"},
		"negative max_age":      {func(s *Settings) { s.MaxAge = -1 }, ".max_age:"},
		"endless token":         {func(s *Settings) { s.AccessTokenTTL = 25 * time.Hour }, ".access_token_ttl:"},
		"logo svg":              {func(s *Settings) { s.Logo = "data:image/svg+xml;base64,PHN2Zz4=" }, ".logo:"},
		"logo that is none": {func(s *Settings) {
			s.Logo = "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("GIF89a"))
		}, ".logo:"},
		"logo too large": {func(s *Settings) { s.Logo = "data:image/png;base64," + strings.Repeat("A", 40_000) }, ".logo:"},
		"short secret":   {func(s *Settings) { s.Secret = "secret" }, ".secret:"},
		"three secrets": {func(s *Settings) {
			s.SecretSHA256 = []string{strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)}
		}, ".secret_sha256:"},
		"secret digest":            {func(s *Settings) { s.SecretSHA256 = []string{"xyz"} }, ".secret_sha256:"},
		"secret of a public one":   {func(s *Settings) { s.Auth, s.Secret = "none", strings.Repeat("s", 43) }, ".secret:"},
		"private_key_jwt, no keys": {func(s *Settings) { s.Auth = "private_key_jwt" }, ".jwks:"},
		"symmetric key":            {func(s *Settings) { s.Auth, s.JWKS = "private_key_jwt", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}` }, ".jwks:"},
		"keys that are none":       {func(s *Settings) { s.Auth, s.JWKS = "private_key_jwt", `[]` }, ".jwks:"},
	} {
		s := good()
		c.spoil(&s)
		problems := s.Problems()
		if len(problems) == 0 {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(strings.Join(problems, "\n"), c.key) {
			t.Errorf("%s: %v does not name %s", name, problems, c.key)
		}
	}
	native := good()
	native.Type, native.Auth, native.RedirectURIs = "native", "none", []string{"ca.example.app:/cb", "http://127.0.0.1/cb", "https://app.example/cb"}
	if problems := native.Problems(); len(problems) > 0 {
		t.Errorf("native: %v", problems)
	}
	signed := good()
	signed.Auth, signed.JWKS = "private_key_jwt", keys
	if problems := signed.Problems(); len(problems) > 0 {
		t.Errorf("private_key_jwt: %v", problems)
	}
}

func TestAPartnerIsReadFromYAML(t *testing.T) {
	const text = `
id: tax
name: {en: Taxes, fr: Impôts}
department: {en: Revenue}
redirect_uris: [https://tax.example/cb]
max_age: 15m
consent_period: 720h
scopes: [email, locale]
purposes: {email: {en: To write to you}}
support: {email: help@tax.example, url: {en: https://tax.example/help}}
listed: true
`
	var s Settings
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	p, problems := s.Build()
	if len(problems) > 0 || p.MaxAge != 15*time.Minute || p.ConsentPeriod != 720*time.Hour || !p.Listed || !p.Allows("openid") || !p.Support.Known() {
		t.Errorf("%v %+v", problems, p)
	}
}

func TestAPartnerOfTheFileWithASecretMethodNeedsASecret(t *testing.T) {
	if _, problems := FromFile([]Settings{good()}); len(problems) != 1 {
		t.Error(problems)
	}
	s := good()
	s.Secret = strings.Repeat("s", 43)
	parties, problems := FromFile([]Settings{s})
	if len(problems) > 0 || !parties[0].FromFile || !parties[0].SecretMatches(s.Secret, time.Time{}) || parties[0].SecretMatches("x", time.Time{}) {
		t.Error(problems)
	}
}

// house is a registry and a store on one database.
func house(t *testing.T, d *db.DB, now func() time.Time, file ...*RelyingParty) Store {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return Store{Registry: &Registry{DB: d, Now: now, File: file}, Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}}
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, r *Registry, pid id.RelyingParty) *RelyingParty {
	t.Helper()
	p, err := r.Get(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAChangeIsSeenOnAnotherNodeWithinASecond(t *testing.T) {
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
		first := secret.NewToken()
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good(), secret.Digest(first)) })
		soon := func(what string, ok func() bool) {
			t.Helper()
			for range 3000 { // a busy machine may take longer than the promised second
				if ok() {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Fatalf("%s was not seen", what)
		}
		soon("the new partner", func() bool { _, err := other.Get(t.Context(), "health-card"); return err == nil })
		if p := get(t, other, "health-card"); !p.SecretMatches(first, clock.Now()) || p.Disabled || p.FromFile {
			t.Errorf("%+v", p)
		}
		second := secret.NewToken()
		write(t, d, func(tx *db.Tx) error {
			return st.RotateSecret(tx, "health-card", secret.Digest(second), tx.Now().Add(time.Hour))
		})
		soon("the new secret", func() bool { return get(t, other, "health-card").SecretMatches(second, clock.Now()) })
		p := get(t, other, "health-card")
		if !p.SecretMatches(first, clock.Now().Add(59*time.Minute)) || p.SecretMatches(first, clock.Now().Add(time.Hour)) {
			t.Error("the former secret has the wrong end")
		}
		changed := good()
		changed.Listed = true
		write(t, d, func(tx *db.Tx) error { return st.Update(tx, changed) })
		soon("the change", func() bool { return get(t, other, "health-card").Listed })
		write(t, d, func(tx *db.Tx) error { return st.Disable(tx, "health-card") })
		soon("the end", func() bool { return get(t, other, "health-card").Disabled })
		write(t, d, func(tx *db.Tx) error { return st.Enable(tx, "health-card") })
		soon("the new beginning", func() bool { return !get(t, other, "health-card").Disabled })
		if p := get(t, other, "health-card"); !p.SecretMatches(second, clock.Now()) {
			t.Error("a change lost the secret")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnOldSnapshotIsReadThroughAndRefusedWhenTheDatabaseIsGone(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		other := house(t, dbtest.Second(t, d), clock.Now).Registry
		if err := other.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good(), secret.Digest("x")) })
		if _, err := other.Get(t.Context(), "health-card"); !fault.Is(err, fault.NotFound) {
			t.Errorf("before anybody looked: %v", err)
		}
		clock.Advance(StaleAfter)
		if _, err := other.Get(t.Context(), "health-card"); err != nil {
			t.Errorf("read through: %v", err)
		}
		unreadable, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := other.Get(unreadable, "health-card"); err != nil {
			t.Errorf("fresh snapshot without database: %v", err)
		}
		clock.Advance(StaleAfter)
		if _, err := other.Get(unreadable, "health-card"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("old snapshot without database: %v", err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestPartnersOfTheFileCannotBeChangedAndConflictsRefuseToStart(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := good()
		s.Secret = strings.Repeat("s", 43)
		file, problems := FromFile([]Settings{s})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		st := house(t, d, clock.Now, file...)
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := get(t, st.Registry, "health-card"); !p.FromFile {
			t.Error("the partner of the file is not there")
		}
		for name, change := range map[string]func(tx *db.Tx) error{
			"create":  func(tx *db.Tx) error { return st.Create(tx, good(), secret.Digest("x")) },
			"update":  func(tx *db.Tx) error { return st.Update(tx, good()) },
			"rotate":  func(tx *db.Tx) error { return st.RotateSecret(tx, "health-card", secret.Digest("x"), tx.Now()) },
			"disable": func(tx *db.Tx) error { return st.Disable(tx, "health-card") },
		} {
			if err := d.Write(t.Context(), change); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		free := house(t, d, clock.Now)
		write(t, d, func(tx *db.Tx) error { return free.Create(tx, good(), secret.Digest("x")) })
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return free.Create(tx, good(), secret.Digest("x")) }); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second one of the same id: %v", err)
		}
		if err := house(t, d, clock.Now, file...).Registry.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "health-card") {
			t.Errorf("in the file and in the database: %v", err)
		}
		if err := house(t, d, clock.Now, file[0], file[0]).Registry.Start(t.Context()); err == nil {
			t.Error("twice in the file: started")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestNoSecretIsStoredInAPartnersSettings(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		st := house(t, d, clock.Now)
		s := good()
		s.Secret = strings.Repeat("s", 43)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Create(tx, s, secret.Digest(s.Secret)) }); !fault.Is(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Create(tx, good(), nil) }); !fault.Is(err, fault.Invalid) {
			t.Errorf("a secret client without a secret: %v", err)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Disable(tx, "nobody") }); !fault.Is(err, fault.NotFound) {
			t.Errorf("a partner that is not there: %v", err)
		}
		write(t, d, func(tx *db.Tx) error { return st.Create(tx, good(), secret.Digest("x")) })
		var back Settings
		write(t, d, func(tx *db.Tx) error {
			var err error
			back, err = st.Settings(tx, "health-card")
			return err
		})
		if back.ID != "health-card" || back.Name["fr"] != "Carte Santé" {
			t.Errorf("%+v", back)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestOriginsAreThoseOfEveryRegisteredAddressOnce(t *testing.T) {
	s := good()
	s.RedirectURIs = []string{"https://auth.health.example/cb", "https://auth.health.example/cb?x=1", "http://127.0.0.1:8081/cb"}
	s.PostLogoutRedirectURIs = []string{"https://health.example/bye"}
	s.StartURL, s.InitiateLoginURI, s.ReturnURL = "https://www.health.example/", "https://auth.health.example/login", "https://back.health.example/a"
	p, problems := s.Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := "https://auth.health.example http://127.0.0.1:8081 https://health.example https://www.health.example https://back.health.example"
	if got := strings.Join(p.Origins(), " "); got != want {
		t.Errorf("%s", got)
	}
	s.Type, s.RedirectURIs = "native", []string{"ca.example.app:/callback"}
	if p, problems = s.Build(); len(problems) > 0 || p.Origins()[0] != "ca.example.app:" {
		t.Errorf("%v %v", p, problems)
	}
}

// OIDC Core, 4: a sign-in that starts here says by whom, with iss.
func TestASignInThatStartsHereSaysByWhom(t *testing.T) {
	for want, p := range map[string]RelyingParty{
		"https://s.example/login?iss=https%3A%2F%2Fid.example":     {InitiateLoginURI: "https://s.example/login", StartURL: "https://s.example/"},
		"https://s.example/login?a=b&iss=https%3A%2F%2Fid.example": {InitiateLoginURI: "https://s.example/login?a=b"},
		"https://s.example/": {StartURL: "https://s.example/"},
		"":                   {},
	} {
		if got := p.OpenURL("https://id.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
