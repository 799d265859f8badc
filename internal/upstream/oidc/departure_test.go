package oidc

import (
	"slices"
	"strings"
	"testing"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"

	"parvis/internal/jose"
	"parvis/internal/upstream"
)

// leaving are the claims of a good logout token.
func (f *partner) leaving() map[string]any {
	return map[string]any{
		"iss": f.server.URL, "sub": "s-1", "aud": "parvis", "iat": f.clock.Unix(), "exp": f.clock.Add(2 * time.Minute).Unix(), "jti": "notice-1", "sid": "their-session",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
}

func TestALogoutTokenOfAPartnerIsTaken(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	for name, typ := range map[string]string{"typed": "logout+jwt", "without type": "", "as the first ones were": "JWT"} {
		token := signWith(t, f.alg, josev4.JSONWebKey{Key: f.keys[f.kid], KeyID: f.kid}, typ, f.leaving())
		d, err := f.c.Departure(t.Context(), p, token)
		if err != nil || d.Issuer != p.Issuer || d.Subject != "s-1" || d.ID != "notice-1" || !slices.Equal(d.Indexes, []string{"their-session"}) || !d.Until.Equal(f.clock.Add(departureLife+p.Skew)) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	// 2.4: a person, a session, or both.
	alone := f.leaving()
	delete(alone, "sub")
	if d, err := f.c.Departure(t.Context(), p, f.sign(alone)); err != nil || d.Subject != "" || !slices.Equal(d.Indexes, []string{"their-session"}) {
		t.Errorf("a session alone: %+v, %v", d, err)
	}
	each := f.leaving()
	delete(each, "sid")
	if d, err := f.c.Departure(t.Context(), p, f.sign(each)); err != nil || d.Subject != "s-1" || d.Indexes != nil {
		t.Errorf("a person alone: %+v, %v", d, err)
	}
	key := ecKey(t)
	f.settings.OIDC.DecryptionKey = pemOf(t, key)
	if _, err := f.c.Departure(t.Context(), f.provider(), encrypt(t, key.Public(), f.sign(f.leaving()))); err != nil {
		t.Errorf("encrypted as ID tokens are: %v", err)
	}
	_, err := f.c.Departure(t.Context(), f.provider(), f.sign(f.leaving()))
	failed(t, "not encrypted, although ID tokens are", err, upstream.Invalid)
}

// OpenID Connect Back-Channel Logout 1.0, 2.6: each rule, one at a time.
func TestNoTokenThatIsNoLogoutTokenEndsASession(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	set := func(key string, value any) func(map[string]any) { return func(c map[string]any) { c[key] = value } }
	unset := func(key string) func(map[string]any) { return func(c map[string]any) { delete(c, key) } }
	for name, change := range map[string]func(map[string]any){
		"another issuer":       set("iss", "https://attacker.example"),
		"no issuer":            unset("iss"),
		"another audience":     set("aud", "other"),
		"several audiences":    set("aud", []string{"parvis", "other"}),
		"no audience":          unset("aud"),
		"a nonce":              set("nonce", "n"),
		"an empty nonce":       set("nonce", ""),
		"no events":            unset("events"),
		"another event":        set("events", map[string]any{"https://schemas.openid.net/secevent/risc/event-type/account-disabled": map[string]any{}}),
		"an event of no type":  set("events", map[string]any{logoutEvent: "yes"}),
		"an event of nothing":  set("events", map[string]any{logoutEvent: nil}),
		"events as a list":     set("events", []string{logoutEvent}),
		"no identifier":        unset("jti"),
		"an empty identifier":  set("jti", ""),
		"a long identifier":    set("jti", strings.Repeat("j", maxJTI+1)),
		"nobody":               func(c map[string]any) { delete(c, "sub"); delete(c, "sid") },
		"a person unnamed":     set("sub", "s\n"),
		"a session of no type": set("sid", 7),
		"a session unnamed":    set("sid", ""),
		"a session of nothing": set("sid", nil),
		"a long session":       set("sid", strings.Repeat("s", maxSID+1)),
		"a subject of no type": set("sub", 7),
		"expired":              set("exp", f.clock.Add(-11*time.Second).Unix()),
		"without end":          unset("exp"),
		"from the future":      set("iat", f.clock.Add(11*time.Second).Unix()),
		"without beginning":    unset("iat"),
		"not yet":              set("nbf", f.clock.Add(time.Minute).Unix()),
		"an hour old": func(c map[string]any) {
			c["iat"], c["exp"] = f.clock.Add(-61*time.Minute).Unix(), f.clock.Add(time.Hour).Unix()
		},
	} {
		claims := f.leaving()
		change(claims)
		_, err := f.c.Departure(t.Context(), p, f.sign(claims))
		failed(t, name, err, upstream.Invalid)
	}
	stray := josev4.JSONWebKey{Key: ecKey(t), KeyID: f.kid}
	for name, token := range map[string]string{
		"nothing": "", "no token": "a.b.c", "too long": strings.Repeat("a", maxDeparture+1), "with a space": "a b",
		"another key":           signWith(t, jose.ES256, stray, "logout+jwt", f.leaving()),
		"another kind of token": signWith(t, f.alg, josev4.JSONWebKey{Key: f.keys[f.kid], KeyID: f.kid}, "at+jwt", f.leaving()),
	} {
		_, err := f.c.Departure(t.Context(), p, token)
		failed(t, name, err, upstream.Invalid)
	}
	// An ID token of a real sign-in ends nothing.
	var id string
	f.token = func(body map[string]any) { id, _ = body["id_token"].(string) }
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	_, err := f.c.Departure(t.Context(), p, id)
	failed(t, "an ID token", err, upstream.Invalid)
}

func FuzzDeparture(f *testing.F) {
	p, problems := upstream.Settings{
		ID: "bank", Name: map[string]string{"en": "x"}, Issuer: "https://b.example", OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}.Build()
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	now := time.Unix(1_800_000_000, 0)
	f.Add([]byte(`{"iss":"https://b.example","aud":"parvis","sub":"s","jti":"j","exp":1800000100,"iat":1800000000,"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`))
	f.Add([]byte(`{"iss":"https://b.example","aud":["parvis"],"sub":"s","jti":"j","nonce":null,"exp":1e9,"events":{"http://schemas.openid.net/event/backchannel-logout":[]}}`))
	f.Add([]byte(`{"iss":"https://b.example","aud":"parvis","sid":"s","jti":"j","exp":1800000100,"iat":1800000000,"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := readDeparture(raw)
		if err != nil || d.check(p, now) != nil {
			return
		}
		if d.Issuer != p.Issuer || d.Subject == "" && d.sid() == "" || len(d.SessionID) > 0 && d.sid() == "" || d.ID == "" || len(d.ID) > maxJTI || d.IssuedAt.Before(now.Add(-departureLife)) {
			t.Errorf("%+v is taken", d)
		}
	})
}
