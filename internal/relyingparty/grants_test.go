package relyingparty

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/i18n"
)

func lasting(change func(*Settings)) Settings {
	s := Settings{
		ID: "s", Name: i18n.Text{"en": "Service"}, Department: i18n.Text{"en": "Department"}, RedirectURIs: []string{"https://service.example/cb"},
		GrantTypes: []string{"authorization_code", "refresh_token"}, Scopes: []string{"openid", "offline_access"},
	}
	change(&s)
	return s
}

func TestHowAServiceGetsTokensIsCheckedBeforeItIsRegistered(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		key    string // of the problem; "" for none
	}{
		"as it should be":              {func(*Settings) {}, ""},
		"refresh without offline":      {func(s *Settings) { s.Scopes = nil }, "scopes"},
		"offline without refresh":      {func(s *Settings) { s.GrantTypes = nil }, "grant_types"},
		"refresh without a code":       {func(s *Settings) { s.GrantTypes = []string{"refresh_token"} }, "grant_types"},
		"a grant that does not exist":  {func(s *Settings) { s.GrantTypes = append(s.GrantTypes, "password") }, "grant_types"},
		"away for too long":            {func(s *Settings) { s.RefreshTokenTTL = 367 * 24 * time.Hour }, "refresh_token_ttl"},
		"own scopes without the grant": {func(s *Settings) { s.OwnScopes = []string{"a"} }, "own_scopes"},
		"a public client for itself": {func(s *Settings) {
			s.Auth, s.GrantTypes = "none", append(s.GrantTypes, "client_credentials")
		}, "grant_types"},
		"for itself alone, without an address": {func(s *Settings) {
			s.GrantTypes, s.Scopes, s.RedirectURIs, s.OwnScopes = []string{"client_credentials"}, nil, nil, []string{"permits.read"}
		}, ""},
		"an own scope about people": {func(s *Settings) {
			s.GrantTypes, s.OwnScopes = append(s.GrantTypes, "client_credentials"), []string{"email"}
		}, "own_scopes"},
		"an own scope that is no name": {func(s *Settings) {
			s.GrantTypes, s.OwnScopes = append(s.GrantTypes, "client_credentials"), []string{"a b"}
		}, "own_scopes"},
		"exchange without a resource": {func(s *Settings) {
			s.GrantTypes = append(s.GrantTypes, "urn:ietf:params:oauth:grant-type:token-exchange")
		}, "resources"},
		"a public client that exchanges": {func(s *Settings) {
			s.Auth, s.GrantTypes = "none", append(s.GrantTypes, "urn:ietf:params:oauth:grant-type:token-exchange")
		}, "grant_types"},
		"others' tokens without the grant": {func(s *Settings) { s.ExchangesFrom = []string{"other"} }, "exchanges_from"},
		"a code without an address":        {func(s *Settings) { s.RedirectURIs = nil }, "redirect_uris"},
	} {
		problems := lasting(c.change).Problems()
		if c.key == "" && len(problems) > 0 || c.key != "" && !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "."+c.key+":") }) {
			t.Errorf("%s: %q, want a problem with %q", name, problems, c.key)
		}
	}
}

func TestAServiceGoesOnNoLongerThanAnAgreementLasts(t *testing.T) {
	for _, c := range []struct{ own, consent, want time.Duration }{
		{0, 0, 0}, {time.Hour, 0, time.Hour}, {0, time.Hour, time.Hour}, {2 * time.Hour, time.Hour, time.Hour}, {time.Hour, 2 * time.Hour, time.Hour},
	} {
		p := &RelyingParty{RefreshTokenTTL: c.own, ConsentPeriod: c.consent}
		if got := p.Away(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestAServiceNamesEachResourceOnceAndByItsAddress(t *testing.T) {
	for name, c := range map[string]struct {
		resources []Resource
		good      bool
	}{
		"two":                          {[]Resource{{URI: "https://a.example/"}, {URI: "urn:b", AccessTokens: "jwt"}}, true},
		"twice":                        {[]Resource{{URI: "https://a.example/"}, {URI: "https://a.example/"}}, false},
		"a path":                       {[]Resource{{URI: "/api"}}, false},
		"a fragment":                   {[]Resource{{URI: "https://a.example/#b"}}, false},
		"a space":                      {[]Resource{{URI: "https://a.example/ b"}}, false},
		"tokens of a sort that is not": {[]Resource{{URI: "urn:b", AccessTokens: "saml"}}, false},
	} {
		problems := lasting(func(s *Settings) { s.Resources = c.resources }).Problems()
		if c.good != (len(problems) == 0) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

func TestTokensAreReadableWhenEveryResourceReadsThem(t *testing.T) {
	p := &RelyingParty{AccessTokens: TokensOpaque, Resources: []Resource{{URI: "a"}, {URI: "b", AccessTokens: TokensJWT}, {URI: "c", AccessTokens: TokensOpaque}}}
	q := &RelyingParty{AccessTokens: TokensJWT, Resources: p.Resources}
	for _, c := range []struct {
		audience    []string
		first, then bool
	}{
		{nil, false, true},
		{[]string{"a"}, false, true},
		{[]string{"b"}, true, true},
		{[]string{"c"}, false, false},
		{[]string{"a", "b"}, false, true},
		{[]string{"b", "c"}, false, false},
		{[]string{"issuer"}, false, true},
		{[]string{"b", "issuer"}, true, true},
	} {
		if p.ReadsTokens(c.audience) != c.first || q.ReadsTokens(c.audience) != c.then {
			t.Errorf("%v: %v and %v", c.audience, p.ReadsTokens(c.audience), q.ReadsTokens(c.audience))
		}
	}
}

func TestWhatPeopleAreAskedToAllowHasWords(t *testing.T) {
	words := func(change func(*DetailType)) func(*Settings) {
		d := DetailType{Type: "fee", Title: i18n.Text{"en": "Pay a fee"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount"}}}
		change(&d)
		return func(s *Settings) { s.DetailTypes = []DetailType{d} }
	}
	for name, c := range map[string]struct {
		change func(*Settings)
		good   bool
	}{
		"with words":             {words(func(*DetailType) {}), true},
		"without a title":        {words(func(d *DetailType) { d.Title = nil }), false},
		"without members":        {words(func(d *DetailType) { d.Fields = nil }), false},
		"a member without words": {words(func(d *DetailType) { d.Fields = map[string]i18n.Text{"a": nil} }), false},
		"the member type":        {words(func(d *DetailType) { d.Fields = map[string]i18n.Text{"type": {"en": "Type"}} }), false},
		"a name with a space":    {words(func(d *DetailType) { d.Type = "a b" }), false},
		"twice": {func(s *Settings) {
			words(func(*DetailType) {})(s)
			s.DetailTypes = append(s.DetailTypes, s.DetailTypes[0])
		}, false},
	} {
		if problems := lasting(c.change).Problems(); c.good != (len(problems) == 0) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}
