package upstream

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/policy"
)

func good() Settings {
	return Settings{
		ID: "bank", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: "https://sign-in.bank.example",
		OIDC: OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}
}

// pemKey makes a private key as openssl genpkey writes it.
func pemKey(t *testing.T, alg jose.Algorithm) string {
	t.Helper()
	key, err := jose.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func TestASignInPartnerIsBuiltWithSafeDefaults(t *testing.T) {
	p, problems := good().Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c := p.Client
	if p.Protocol != OIDC || p.Worth.Cap != policy.OneStep || p.Skew != 10*time.Second || p.Timeout != 5*time.Second || p.CheckEvery != 2*time.Second ||
		c.Auth != AuthBasic || strings.Join(c.Scopes, " ") != "openid" || c.ResponseMode != "query" || c.PAR != Offered || c.DPoP != Offered ||
		c.UserInfo || len(c.Algorithms) != 4 || len(c.ACRValues)+len(c.Claims) != 0 {
		t.Errorf("%+v", *p)
	}
	s := good()
	s.OIDC.Secret = ""
	p, problems = s.Build()
	if len(problems) > 0 || p.Client.Auth != AuthPrivateKeyJWT || p.Client.SigningAlg != jose.ES256 || p.Client.Signer != nil {
		t.Errorf("without a secret: %v %+v", problems, p)
	}
	s.OIDC.PrivateKey, s.OIDC.SigningAlg, s.OIDC.DecryptionKey = pemKey(t, jose.EdDSA), "EdDSA", pemKey(t, jose.ES256)+pemKey(t, jose.RS256)
	if p, problems = s.Build(); len(problems) > 0 || p.Client.Signer == nil || p.Client.Decrypter == nil {
		t.Errorf("with keys: %v", problems)
	}
	raw, err := p.Client.JWKS()
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err != nil || json.Unmarshal(raw, &set) != nil || len(set.Keys) != 3 || set.Keys[0]["use"] != "sig" || set.Keys[1]["use"] != "enc" {
		t.Errorf("public keys: %s %v", raw, err)
	}
	for _, key := range set.Keys {
		if key["d"] != "" {
			t.Errorf("a private key is published: %v", key["kid"])
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); strings.Contains(text, "PRIVATE") || strings.Contains(text, "of the bank") {
		t.Errorf("a provider prints its secrets: %s", text)
	}
}

func TestEachMistakeInASignInPartnerIsNamedByItsKey(t *testing.T) {
	rsa := pemKey(t, jose.RS256)
	for name, c := range map[string]struct {
		spoil func(*Settings)
		key   string
	}{
		"no id":                     {func(s *Settings) { s.ID = "" }, "].id:"},
		"id in capitals":            {func(s *Settings) { s.ID = "Bank" }, "].id:"},
		"id with a path":            {func(s *Settings) { s.ID = "bank/../x" }, "].id:"},
		"no name":                   {func(s *Settings) { s.Name = nil }, ".name:"},
		"name with direction":       {func(s *Settings) { s.Name["en"] = "\u202eknab" }, ".name.en:"},
		"long banner":               {func(s *Settings) { s.Banner = i18n.Text{"fr": strings.Repeat("b", 401)} }, ".banner.fr:"},
		"empty help":                {func(s *Settings) { s.Help = i18n.Text{"fr": ""} }, ".help.fr:"},
		"help elsewhere":            {func(s *Settings) { s.HelpURL = i18n.Text{"en": "javascript:alert(1)"} }, ".help_url.en:"},
		"logo svg":                  {func(s *Settings) { s.Logo = "data:image/svg+xml;base64,PHN2Zz4=" }, ".logo:"},
		"logo that is none":         {func(s *Settings) { s.Logo = "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("x")) }, ".logo:"},
		"protocol":                  {func(s *Settings) { s.Protocol = "ldap" }, ".protocol:"},
		"oidc beside saml":          {func(s *Settings) { s.Protocol = "saml" }, ".oidc:"},
		"saml beside oidc":          {func(s *Settings) { s.SAML.Binding = "post" }, ".saml:"},
		"no issuer":                 {func(s *Settings) { s.Issuer = "" }, ".issuer:"},
		"issuer without TLS":        {func(s *Settings) { s.Issuer = "http://bank.example" }, ".issuer:"},
		"issuer with query":         {func(s *Settings) { s.Issuer = "https://bank.example?x" }, ".issuer:"},
		"issuer with fragment":      {func(s *Settings) { s.Issuer = "https://bank.example#x" }, ".issuer:"},
		"issuer with user":          {func(s *Settings) { s.Issuer = "https://a@bank.example" }, ".issuer:"},
		"issuer of any tenant":      {func(s *Settings) { s.Issuer = "https://login.example/{tenantid}/v2.0" }, ".issuer:"},
		"issuer that is none":       {func(s *Settings) { s.Issuer = "bank" }, ".issuer:"},
		"negative age":              {func(s *Settings) { s.MaxAge = -1 }, ".max_age:"},
		"endless skew":              {func(s *Settings) { s.ClockSkew = time.Hour }, ".clock_skew:"},
		"endless call":              {func(s *Settings) { s.Timeout = time.Hour }, ".timeout:"},
		"restless check":            {func(s *Settings) { s.CheckEvery = time.Millisecond }, ".check_every:"},
		"least over the cap":        {func(s *Settings) { s.Worth.Least = policy.AAL2 }, ".worth.least:"},
		"cap of nothing":            {func(s *Settings) { s.Worth.Cap = -1 }, ".worth.cap:"},
		"acr of nothing":            {func(s *Settings) { s.Worth.ACR = map[string]policy.Level{"x": 0} }, ".worth.acr:"},
		"amr with a space":          {func(s *Settings) { s.Worth.AMR = map[string]policy.Level{"a b": policy.AAL2} }, ".worth.amr:"},
		"no client":                 {func(s *Settings) { s.OIDC.ClientID = "" }, ".oidc.client_id:"},
		"auth":                      {func(s *Settings) { s.OIDC.Auth = "none" }, ".oidc.auth:"},
		"no secret":                 {func(s *Settings) { s.OIDC.Auth, s.OIDC.Secret = AuthPost, "" }, ".oidc.secret_file:"},
		"secret of two lines":       {func(s *Settings) { s.OIDC.Secret = "a\r\nb" }, ".oidc.secret_file:"},
		"secret beside a key":       {func(s *Settings) { s.OIDC.Auth = AuthPrivateKeyJWT }, ".oidc.secret_file:"},
		"key beside a secret":       {func(s *Settings) { s.OIDC.PrivateKey = rsa }, ".oidc.private_key_file:"},
		"key for another algorithm": {func(s *Settings) { s.OIDC.Secret, s.OIDC.PrivateKey, s.OIDC.SigningAlg = "", rsa, "ES256" }, ".oidc.private_key_file:"},
		"two signing keys":          {func(s *Settings) { s.OIDC.Secret, s.OIDC.PrivateKey, s.OIDC.SigningAlg = "", rsa+rsa, "RS256" }, ".oidc.private_key_file:"},
		"key that is none":          {func(s *Settings) { s.OIDC.Secret, s.OIDC.PrivateKey = "", "key" }, ".oidc.private_key_file:"},
		"certificate":               {func(s *Settings) { s.OIDC.DecryptionKey = strings.ReplaceAll(rsa, "PRIVATE KEY", "CERTIFICATE") }, ".oidc.decryption_key_file:"},
		"damaged key": {func(s *Settings) {
			s.OIDC.DecryptionKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}, ".oidc.decryption_key_file:"},
		"signing alg of no key":  {func(s *Settings) { s.OIDC.Secret, s.OIDC.SigningAlg = "", "EdDSA" }, ".oidc.signing_alg:"},
		"signing alg HS256":      {func(s *Settings) { s.OIDC.Secret, s.OIDC.SigningAlg = "", "HS256" }, ".oidc.signing_alg:"},
		"ID token alg none":      {func(s *Settings) { s.OIDC.IDTokenAlgs = []string{"none"} }, ".oidc.id_token_algs:"},
		"ID token alg HS256":     {func(s *Settings) { s.OIDC.IDTokenAlgs = []string{"HS256"} }, ".oidc.id_token_algs:"},
		"scopes without openid":  {func(s *Settings) { s.OIDC.Scopes = []string{"email"} }, ".oidc.scopes:"},
		"two scopes in one":      {func(s *Settings) { s.OIDC.Scopes = []string{"openid", "email profile"} }, ".oidc.scopes:"},
		"acr twice":              {func(s *Settings) { s.OIDC.ACRValues = []string{"a", "a"} }, ".oidc.acr_values:"},
		"claim about the person": {func(s *Settings) { s.OIDC.Claims = []string{"email"} }, ".oidc.claims:"},
		"response mode":          {func(s *Settings) { s.OIDC.ResponseMode = "fragment" }, ".oidc.response_mode:"},
		"par":                    {func(s *Settings) { s.OIDC.PAR = "maybe" }, ".oidc.par:"},
		"dpop":                   {func(s *Settings) { s.OIDC.DPoP = "maybe" }, ".oidc.dpop:"},
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
	s := good()
	s.ID, s.Issuer, s.OIDC.ClientID = "", "", ""
	if problems := s.Problems(); len(problems) != 3 {
		t.Errorf("not all mistakes at once: %v", problems)
	}
}

func TestEveryKindIsCompleteButForWhatThePartnerGives(t *testing.T) {
	if len(kinds()) != len(Kinds()) {
		t.Error("a kind without settings, or settings without a kind")
	}
	for _, kind := range Kinds() {
		s := good()
		if kinds()[kind].Protocol == string(SAML) {
			s = goodSAML(t)
			s.Protocol = ""
		}
		s.Kind = kind
		if kind != Google {
			s.Issuer = "https://partner.example/tenant"
		} else {
			s.Issuer = ""
		}
		if kinds()[kind].OIDC.Auth == AuthPrivateKeyJWT {
			s.OIDC.Secret = ""
		}
		p, problems := s.Build()
		if len(problems) > 0 {
			t.Errorf("%s: %v", kind, problems)
			continue
		}
		if p.Protocol == SAML {
			if p.Worth.Cap != policy.OneStep || p.SAML.Encryption != On || len(p.SAML.Contexts) == 0 {
				t.Errorf("%s: %+v", kind, p)
			}
			continue
		}
		if p.Worth.Cap != policy.OneStep || strings.Join(p.Client.Scopes, " ") != "openid" {
			t.Errorf("%s is worth more, or asks for more, than the least: %+v", kind, p)
		}
	}
	var k Kind
	if err := k.UnmarshalText([]byte("facebook")); err == nil {
		t.Error("an unknown kind was accepted")
	}
	s := good()
	s.Kind, s.OIDC.ACRValues, s.OIDC.PAR = FranceConnectPlus, []string{"eidas3"}, On
	if p, problems := s.Build(); len(problems) > 0 || p.Client.ACRValues[0] != "eidas3" || p.Client.PAR != On || p.Client.Auth != AuthPost {
		t.Errorf("what is written does not win over the kind: %v", problems)
	}
}

func TestASignInIsNeverWorthMoreThanTheCap(t *testing.T) {
	w := Worth{
		Cap: policy.TwoSteps,
		ACR: map[string]policy.Level{"low": policy.OneStep, "high": policy.AAL3},
		AMR: map[string]policy.Level{"otp": policy.TwoSteps, "hwk": policy.AAL3},
	}
	for _, c := range []struct {
		acr  string
		amr  []string
		want policy.Level
	}{
		{"", nil, policy.OneStep},
		{"unknown", []string{"unknown"}, policy.OneStep},
		{"low", []string{"pwd", "otp"}, policy.TwoSteps},
		{"high", nil, policy.TwoSteps},
		{"low", []string{"hwk"}, policy.TwoSteps},
	} {
		if got := w.Of(c.acr, c.amr); got != c.want {
			t.Errorf("%s %v: %v", c.acr, c.amr, got)
		}
	}
}

func TestASignInPartnerIsReadFromYAMLAndKeepsNoSecretInJSON(t *testing.T) {
	const text = `
id: fc
kind: franceconnect-plus
name: {en: FranceConnect+, fr: FranceConnect+}
issuer: https://auth.example/api/v2
max_age: 15m
worth: {cap: two-steps, least: two-steps, acr: {eidas2: two-steps, eidas3: aal2}}
oidc: {client_id: abc, secret: of the partner, claims: [acr]}
`
	var s Settings
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	p, problems := s.Build()
	if len(problems) > 0 || p.MaxAge != 15*time.Minute || p.Worth.Of("eidas3", nil) != policy.TwoSteps || p.Client.Auth != AuthPost {
		t.Errorf("%v %+v", problems, p)
	}
	raw, err := json.Marshal(s)
	if err != nil || strings.Contains(string(raw), "of the partner") {
		t.Fatalf("%s %v", raw, err)
	}
	var back Settings
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	back.Take(s.Credentials())
	again, problems := back.Build()
	if len(problems) > 0 || again.Worth.Cap != policy.TwoSteps || again.Worth.ACR["eidas3"] != policy.AAL2 || again.MaxAge != p.MaxAge || again.Kind != FranceConnectPlus {
		t.Errorf("%v %s", problems, raw)
	}
}

func FuzzSettingsNeverPanic(f *testing.F) {
	f.Add("bank", "https://bank.example", "data:image/png;base64,AAAA", "key")
	f.Fuzz(func(t *testing.T, id, issuer, logo, key string) {
		s := good()
		s.ID, s.Issuer, s.Logo, s.OIDC.DecryptionKey = id, issuer, logo, key
		if p, problems := s.Build(); (p == nil) != (len(problems) > 0) {
			t.Error("a provider with problems, or none without")
		}
	})
}
