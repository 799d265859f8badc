package relyingparty

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// MaxLogo is the largest logo in bytes.
const MaxLogo = 20 << 10

// Settings is one partner as it is written down.
type Settings struct {
	// ID is the client_id the service's team configures; letters, digits and -._:/ only.
	ID string `yaml:"id" json:"id"`
	// Name is what people call the service, per language.
	Name i18n.Text `yaml:"name" json:"name"`
	// Department runs the service; per language.
	Department i18n.Text `yaml:"department" json:"department"`
	// Description is one sentence about the service, per language.
	Description i18n.Text `yaml:"description,omitempty" json:"description,omitempty"`
	// Logo is a PNG of at most 20 kB as a data: address (data:image/png;base64,…).
	Logo string `yaml:"logo,omitempty" json:"logo,omitempty"`

	// Type is "web" or "native" (RFC 8252: loopback addresses with any port, private schemes).
	Type string `yaml:"type,omitempty" json:"type,omitempty"`
	// RedirectURIs are where codes may be sent, compared byte by byte.
	RedirectURIs []string `yaml:"redirect_uris" json:"redirect_uris"`
	// PostLogoutRedirectURIs are where people may land after signing out.
	PostLogoutRedirectURIs []string `yaml:"post_logout_redirect_uris,omitempty" json:"post_logout_redirect_uris,omitempty"`
	// StartURL is the service's own start page.
	StartURL string `yaml:"start_url,omitempty" json:"start_url,omitempty"`
	// InitiateLoginURI starts a sign-in at the service (OpenID Connect Core 1.0, section 4).
	InitiateLoginURI string `yaml:"initiate_login_uri,omitempty" json:"initiate_login_uri,omitempty"`
	// ReturnURL is where "Back to <service>" leads; without one, start_url.
	ReturnURL string `yaml:"return_url,omitempty" json:"return_url,omitempty"`

	// BackchannelLogoutURI is the https address that is told when a session ends in which the service was visited (OpenID Connect Back-Channel Logout 1.0).
	BackchannelLogoutURI string `yaml:"backchannel_logout_uri,omitempty" json:"backchannel_logout_uri,omitempty"`
	// BackchannelLogoutSession says that the service needs sid in what it is told; it is always there.
	BackchannelLogoutSession bool `yaml:"backchannel_logout_session_required,omitempty" json:"backchannel_logout_session_required,omitempty"`
	// FrontchannelLogoutURI is the address that the browser loads in a frame when somebody signs out there (OpenID Connect Front-Channel Logout 1.0); of the origin of one of redirect_uris. Browsers keep cookies from frames of other sites: better be told by backchannel_logout_uri.
	FrontchannelLogoutURI string `yaml:"frontchannel_logout_uri,omitempty" json:"frontchannel_logout_uri,omitempty"`
	// FrontchannelLogoutSession says that the service needs iss and sid in that address; they are always there.
	FrontchannelLogoutSession bool `yaml:"frontchannel_logout_session_required,omitempty" json:"frontchannel_logout_session_required,omitempty"`

	ProtectionSettings `yaml:",inline"`
	CIBASettings       `yaml:",inline"`
	StatedSettings     `yaml:",inline"`

	// Auth is how the service shows who it is: client_secret_basic (the default), client_secret_post, client_secret_jwt (where oidc.client_secret_jwt allows it; better private_key_jwt), private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none (a public client with PKCE).
	Auth string `yaml:"auth,omitempty" json:"auth,omitempty"`
	// Secret is the client secret (at least 32 characters). Better: secret_file or secret_sha256.
	Secret string `yaml:"secret,omitempty" json:"-" secret:"true"`
	// SecretFile holds the client secret; the configuration reads it into secret.
	SecretFile string `yaml:"secret_file,omitempty" json:"-"`
	// SecretSHA256 are the hex SHA-256 digests of the client secrets in force, at most two.
	SecretSHA256 []string `yaml:"secret_sha256,omitempty" json:"-"`
	// JWKS holds the service's public keys, for private_key_jwt and for request objects, and its certificates (x5c) for self_signed_tls_client_auth: a JSON Web Key Set as text.
	JWKS string `yaml:"jwks,omitempty" json:"jwks,omitempty"`
	// JWKSURI is the https address where the service publishes these keys instead: they are fetched when needed, and again when one is not known.
	JWKSURI string `yaml:"jwks_uri,omitempty" json:"jwks_uri,omitempty"`
	// PKCE is "required" (the default) or "optional", for confidential clients whose library has none.
	PKCE string `yaml:"pkce,omitempty" json:"pkce,omitempty"`
	// FormPost allows response_mode=form_post.
	FormPost bool `yaml:"form_post,omitempty" json:"form_post,omitempty"`
	// RequireDPoP gives the service only access tokens that are bound to a key of its own (RFC 9449).
	RequireDPoP bool `yaml:"dpop_bound_access_tokens,omitempty" json:"dpop_bound_access_tokens,omitempty"`
	// Introspect lets the service ask at the introspection endpoint about tokens that other services were given, as a protected resource or a gateway must; without it, about its own only.
	Introspect bool `yaml:"introspect,omitempty" json:"introspect,omitempty"`
	// RequirePushed takes only authorization requests that the service pushed beforehand (RFC 9126).
	RequirePushed bool `yaml:"require_pushed_authorization_requests,omitempty" json:"require_pushed_authorization_requests,omitempty"`
	// RequireObject takes only authorization requests in a signed request object (RFC 9101), with aud, nbf and exp as FAPI 2.0 Message Signing demands.
	RequireObject bool `yaml:"require_signed_request_object,omitempty" json:"require_signed_request_object,omitempty"`
	// RequestObjectAlg is the one algorithm that its request objects are signed with: RS256, PS256, ES256 or EdDSA; empty takes each of them.
	RequestObjectAlg string `yaml:"request_object_signing_alg,omitempty" json:"request_object_signing_alg,omitempty"`
	// AnswerAlg signs what is answered to response_mode=jwt: RS256, ES256, PS256 or EdDSA; empty means that of the ID token.
	AnswerAlg string `yaml:"authorization_signed_response_alg,omitempty" json:"authorization_signed_response_alg,omitempty"`
	// IDTokenAlg signs ID tokens: RS256 (the default), ES256, PS256 or EdDSA.
	IDTokenAlg string `yaml:"id_token_alg,omitempty" json:"id_token_alg,omitempty"`
	// IDTokenClaims puts the claims of the granted scopes in the ID token, too.
	IDTokenClaims bool `yaml:"id_token_claims,omitempty" json:"id_token_claims,omitempty"`
	// Subject is "pairwise" (the default) or "public".
	Subject string `yaml:"subject,omitempty" json:"subject,omitempty"`
	// Sector is shared by services that may know a person by the same subject; without one, the service's id.
	Sector string `yaml:"sector,omitempty" json:"sector,omitempty"`
	// GrantTypes are how the service may get tokens: authorization_code (the default), refresh_token, which also needs the scope offline_access, and client_credentials for itself, without a person.
	GrantTypes []string `yaml:"grant_types,omitempty" json:"grant_types,omitempty"`
	// AccessTokens is what the service's access tokens are: "opaque" (the default), which the protected resource asks us about, or "jwt" (RFC 9068), which it can read and verify itself; these live at most 5m.
	AccessTokens string `yaml:"access_tokens,omitempty" json:"access_tokens,omitempty"`
	// Resources are the protected resources that the service may ask tokens for (RFC 8707).
	Resources []Resource `yaml:"resources,omitempty" json:"resources,omitempty"`
	// ExchangesFrom are services, by id, whose access tokens the service may exchange for its own resources (RFC 8693), beside its own tokens; with the grant type urn:ietf:params:oauth:grant-type:token-exchange.
	ExchangesFrom []string `yaml:"exchanges_from,omitempty" json:"exchanges_from,omitempty"`
	// DetailTypes are what the service may ask people to allow in particular (authorization_details, RFC 9396), with the words in which they are asked.
	DetailTypes []DetailType `yaml:"authorization_details_types,omitempty" json:"authorization_details_types,omitempty"`
	// OwnScopes are what the service may ask for by client_credentials: names that the protected resources know.
	OwnScopes []string `yaml:"own_scopes,omitempty" json:"own_scopes,omitempty"`
	// RefreshTokenTTL is how long the service may go on while a person is away; 0: the deployment's.
	RefreshTokenTTL time.Duration `yaml:"refresh_token_ttl,omitempty" json:"refresh_token_ttl,omitempty"`
	// Scopes the service may ask for; openid is always among them.
	Scopes []string `yaml:"scopes,omitempty" json:"scopes,omitempty"`
	// OpenID is "required" (the default) or "optional": then requests without the scope openid are taken, too, for access tokens alone (plain OAuth 2.0). Such a token opens no userinfo endpoint.
	OpenID string `yaml:"openid,omitempty" json:"openid,omitempty"`
	// Purposes say why the service needs a claim, per claim and language; shown where people agree to share it.
	Purposes map[string]i18n.Text `yaml:"purposes,omitempty" json:"purposes,omitempty"`
	// ACR are the classes of sign-in that the service demands; one of them is reached whatever a request asks for.
	ACR []string `yaml:"acr,omitempty" json:"acr,omitempty"`
	// Doors are the ways in that the service takes: an e-mail address with a password, and sign-in partners.
	Doors Doors `yaml:"doors,omitempty" json:"doors,omitzero"`
	// MaxAge is how old a sign-in may be when a request does not say; 0: any age within the session.
	MaxAge time.Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"`
	// ConsentPeriod is how long an agreement to share lasts; 0: the deployment's.
	ConsentPeriod time.Duration `yaml:"consent_period,omitempty" json:"consent_period,omitempty"`
	// AccessTokenTTL is how long an access token is valid; 0: the deployment's.
	AccessTokenTTL time.Duration `yaml:"access_token_ttl,omitempty" json:"access_token_ttl,omitempty"`

	// Support is the service's own support contact.
	Support Support `yaml:"support,omitempty" json:"support"`
	// Listed lets the public pages name the service.
	Listed bool `yaml:"listed,omitempty" json:"listed,omitempty"`
	// Disabled keeps the partner but lets nobody sign in through it.
	Disabled bool `yaml:"disabled,omitempty" json:"-"`
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`)

// Problems lists what is wrong with the settings; each text names the yaml key and says what to do.
func (s Settings) Problems() []string {
	_, problems := s.Build()
	return problems
}

// Build checks the settings and makes the partner. It returns no partner when there is a problem.
// A stored partner's secrets are not part of its settings and are added by the Registry.
func (s Settings) Build() (*RelyingParty, []string) {
	s = s.withDefaults()
	c := &check{id: s.ID}
	c.words(s)
	c.addresses(s)
	c.choices(s)
	c.profile(s)
	c.doors(s.Doors)
	c.grants(s)
	c.ciba(s)
	c.stated(s)
	c.resources(s)
	c.details(s)
	p := &RelyingParty{
		ID: id.RelyingParty(s.ID), Name: s.Name, Department: s.Department, Description: s.Description,
		LogoPNG: c.logo(s.Logo), RedirectURIs: slices.Clone(s.RedirectURIs),
		PostLogoutRedirectURIs: slices.Clone(s.PostLogoutRedirectURIs),
		StartURL:               s.StartURL, InitiateLoginURI: s.InitiateLoginURI, ReturnURL: s.ReturnURL,
		BackchannelLogoutURI: s.BackchannelLogoutURI, FrontchannelLogoutURI: s.FrontchannelLogoutURI,
		Native: s.Type == "native", AuthMethod: AuthMethod(s.Auth), Secrets: c.secrets(s), Keys: c.keys(s), JWKSURI: s.JWKSURI,
		Protection:  s.protection(),
		CIBA:        s.ciba(),
		RequirePKCE: s.PKCE == "required", PlainOAuth: s.OpenID == "optional", FormPost: s.FormPost, IDTokenAlg: s.IDTokenAlg,
		Stated:      s.stated(),
		Introspects: s.Introspect, RequireDPoP: s.RequireDPoP, RequirePushed: s.RequirePushed, RequireObject: s.RequireObject, RequestObjectAlg: jose.Algorithm(s.RequestObjectAlg), AnswerAlg: jose.Algorithm(s.AnswerAlg),
		IDTokenClaims: s.IDTokenClaims, Sector: s.sector(), Scopes: slices.Clone(s.Scopes), Purposes: s.Purposes,
		Doors: s.Doors.policy(), PreferDoor: s.Doors.Prefer, ACR: slices.Clone(s.ACR), MaxAge: s.MaxAge, ConsentPeriod: s.ConsentPeriod,
		GrantTypes: slices.Clone(s.GrantTypes), OwnScopes: slices.Clone(s.OwnScopes), ExchangesFrom: s.exchangesFrom(), DetailTypes: slices.Clone(s.DetailTypes),
		AccessTokens: s.AccessTokens, Resources: slices.Clone(s.Resources), RefreshTokenTTL: s.RefreshTokenTTL,
		AccessTokenTTL: s.AccessTokenTTL, Support: s.Support, Listed: s.Listed, Disabled: s.Disabled,
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

func (s Settings) withDefaults() Settings {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	s = s.profiled()
	set(&s.Profile, string(ProfileStandard))
	set(&s.Type, "web")
	set(&s.Auth, string(AuthBasic))
	set(&s.PKCE, "required")
	set(&s.OpenID, "required")
	set(&s.IDTokenAlg, "RS256")
	set(&s.AnswerAlg, s.IDTokenAlg)
	set(&s.Subject, "pairwise")
	set(&s.AccessTokens, TokensOpaque)
	set(&s.ReturnURL, s.StartURL)
	if len(s.GrantTypes) == 0 {
		s.GrantTypes = []string{protocol.GrantAuthorizationCode}
	}
	if !slices.Contains(s.Scopes, claim.ScopeOpenID) {
		s.Scopes = append([]string{claim.ScopeOpenID}, s.Scopes...)
	}
	return s
}

// sector decides who shares a person's subject. It is the service's identifier
// and not the host of a redirect address: hosts change and are shared, and a
// changed sector would give every person a new subject.
func (s Settings) sector() string {
	switch {
	case s.Subject == "public":
		return ""
	case s.Sector != "":
		return "sector:" + s.Sector
	default:
		return "client:" + s.ID
	}
}

// check collects problems while a partner is built.
type check struct {
	id       string
	problems []string
}

func (c *check) add(key, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("partners[%s].%s: %s", c.id, key, fmt.Sprintf(format, args...)))
}

func (c *check) words(s Settings) {
	if !idPattern.MatchString(s.ID) {
		c.add("id", "use 1 to 128 letters, digits and -._:/ ; it is the client_id the service's team configures")
	}
	c.text("name", s.Name, 80, true)
	c.text("department", s.Department, 120, true)
	c.text("description", s.Description, 240, false)
	c.text("support.name", s.Support.Name, 120, false)
	c.text("support.hours", s.Support.Hours, 240, false)
	for name, text := range s.Purposes {
		if !slices.Contains(claim.Consent, name) {
			c.add("purposes", "%q is no claim people are asked about; use %s", name, strings.Join(claim.Consent, ", "))
		}
		c.text("purposes."+name, text, 240, true)
	}
	if e := s.Support.Email; e != "" && (len(e) > 254 || strings.ContainsAny(e, "\r\n<>\"' ") || strings.Count(e, "@") != 1) {
		c.add("support.email", "write one plain e-mail address")
	}
	if len(s.Support.Phone) > 40 || hasControl(s.Support.Phone) {
		c.add("support.phone", "write at most 40 characters")
	}
}

// text wants one short line per language, and each of a required text's languages not empty.
func (c *check) text(key string, text i18n.Text, limit int, required bool) {
	if required && len(text) == 0 {
		c.add(key, "write it at least in the deployment's first language, e.g. {en: …, fr: …}")
	}
	for lang, value := range text {
		switch {
		case strings.TrimSpace(value) == "":
			c.add(key+"."+lang, "must not be empty")
		case len([]rune(value)) > limit:
			c.add(key+"."+lang, "use at most %d characters", limit)
		case hasControl(value):
			c.add(key+"."+lang, "must be one line without control characters")
		}
	}
}

// hasControl finds control and invisible direction-changing characters, which
// could make a name on the consent page look like another one.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd ||
			(r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff
	})
}

func (c *check) addresses(s Settings) {
	native := s.Type == "native"
	if len(s.RedirectURIs) == 0 && slices.Contains(s.GrantTypes, protocol.GrantAuthorizationCode) {
		c.add("redirect_uris", "name at least one address")
	}
	if len(s.RedirectURIs) > 50 || len(s.PostLogoutRedirectURIs) > 50 {
		c.add("redirect_uris", "name at most 50 addresses")
	}
	for _, uri := range s.RedirectURIs {
		if err := protocol.CheckRedirectURI(uri, native); err != nil {
			c.add("redirect_uris", "%q %v", uri, err)
		}
	}
	for _, uri := range s.PostLogoutRedirectURIs {
		if err := protocol.CheckRedirectURI(uri, native); err != nil {
			c.add("post_logout_redirect_uris", "%q %v", uri, err)
		}
	}
	c.link("start_url", s.StartURL)
	c.link("initiate_login_uri", s.InitiateLoginURI)
	c.link("return_url", s.ReturnURL)
	c.link("backchannel_logout_uri", s.BackchannelLogoutURI)
	c.link("frontchannel_logout_uri", s.FrontchannelLogoutURI)
	if f := s.FrontchannelLogoutURI; f != "" && !slices.ContainsFunc(s.RedirectURIs, func(r string) bool { return Origin(r) == Origin(f) }) {
		c.add("frontchannel_logout_uri", "%q must have the scheme, host and port of one of redirect_uris", f)
	}
	if s.FrontchannelLogoutSession && s.FrontchannelLogoutURI == "" {
		c.add("frontchannel_logout_session_required", "has no meaning without frontchannel_logout_uri; write it, or remove this")
	}
	if s.BackchannelLogoutSession && s.BackchannelLogoutURI == "" {
		c.add("backchannel_logout_session_required", "has no meaning without backchannel_logout_uri; write it, or remove this")
	}
	for lang, uri := range s.Support.URL {
		c.link("support.url."+lang, uri)
	}
}

// link wants an address a person can be sent to: https, or http on the loopback.
func (c *check) link(key, uri string) {
	if uri == "" {
		return
	}
	if err := protocol.CheckRedirectURI(uri, false); err != nil {
		c.add(key, "%q %v", uri, err)
	}
}

func (c *check) choices(s Settings) {
	c.oneOf("type", s.Type, "web", "native")
	c.oneOf("auth", s.Auth, string(AuthBasic), string(AuthPost), string(AuthSecretJWT), string(AuthPrivateKeyJWT), string(AuthTLS), string(AuthSelfSigned), string(AuthNone))
	c.oneOf("pkce", s.PKCE, "required", "optional")
	c.oneOf("openid", s.OpenID, "required", "optional")
	c.oneOf("id_token_alg", s.IDTokenAlg, names(jose.Algorithms())...)
	c.oneOf("authorization_signed_response_alg", s.AnswerAlg, names(jose.Algorithms())...)
	if s.RequestObjectAlg != "" {
		c.oneOf("request_object_signing_alg", s.RequestObjectAlg, "RS256", "PS256", "ES256", "EdDSA")
	}
	if s.Introspect && s.Auth == string(AuthNone) {
		c.add("introspect", "a public client (auth: none) cannot ask about tokens of others; give it a secret or keys")
	}
	if s.RequireObject && s.JWKS == "" && s.JWKSURI == "" {
		c.add("require_signed_request_object", "needs the service's public keys: jwks, or their address in jwks_uri")
	}
	c.oneOf("subject", s.Subject, "pairwise", "public")
	if s.Auth == string(AuthNone) && s.PKCE != "required" {
		c.add("pkce", "a public client (auth: none) must use PKCE; write required")
	}
	if s.Subject == "public" && s.Sector != "" {
		c.add("sector", "has no meaning with subject: public; remove one of them")
	}
	if s.Sector != "" && !idPattern.MatchString(s.Sector) {
		c.add("sector", "use 1 to 128 letters, digits and -._:/")
	}
	for _, scope := range s.Scopes {
		if !slices.Contains(claim.Scopes, scope) {
			c.add("scopes", "%q is not known; use %s", scope, strings.Join(claim.Scopes, ", "))
		}
	}
	for _, acr := range s.ACR {
		if acr == "" || len(acr) > 256 || strings.ContainsAny(acr, " \t\r\n") {
			c.add("acr", "%q is no acr value", acr)
		}
	}
	for key, d := range map[string]time.Duration{"max_age": s.MaxAge, "consent_period": s.ConsentPeriod, "access_token_ttl": s.AccessTokenTTL} {
		if d < 0 {
			c.add(key, "must not be negative")
		}
	}
	if s.AccessTokenTTL > 24*time.Hour {
		c.add("access_token_ttl", "must be at most 24h")
	}
}

func (c *check) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.add(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

// logo takes PNG only: an SVG can carry scripts.
func (c *check) logo(data string) []byte {
	if data == "" {
		return nil
	}
	text, ok := strings.CutPrefix(data, "data:image/png;base64,")
	if !ok || len(text) > base64.StdEncoding.EncodedLen(MaxLogo) {
		c.add("logo", "write a PNG of at most %d bytes as data:image/png;base64,…", MaxLogo)
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")) {
		c.add("logo", "is no PNG")
		return nil
	}
	return raw
}

func (c *check) secrets(s Settings) []Secret {
	var out []Secret
	method := AuthMethod(s.Auth)
	if !method.UsesSecret() {
		if s.Secret != "" || len(s.SecretSHA256) > 0 {
			c.add("secret", "auth: %s uses no secret; remove it", s.Auth)
		}
		return nil
	}
	if s.Secret != "" {
		if len(s.Secret) < 32 || len(s.Secret) > 512 {
			c.add("secret", "must have 32 to 512 characters; make one with `openssl rand -base64 32`")
		}
		one := Secret{Digest: secret.Digest(s.Secret)}
		if method == AuthSecretJWT {
			one.plain = []byte(s.Secret)
		}
		out = append(out, one)
	}
	if method == AuthSecretJWT && len(s.SecretSHA256) > 0 {
		c.add("secret_sha256", "auth: client_secret_jwt needs the secret itself; write secret_file")
	}
	for _, text := range s.SecretSHA256 {
		digest, err := hex.DecodeString(text)
		if err != nil || len(digest) != 32 {
			c.add("secret_sha256", "must be 64 hex digits")
			continue
		}
		out = append(out, Secret{Digest: digest})
	}
	if len(out) > 2 {
		c.add("secret_sha256", "at most two secrets can be in force")
	}
	return out
}

func (c *check) keys(s Settings) *jose.KeySet {
	switch {
	case s.JWKS == "" && s.JWKSURI == "" && s.Auth != string(AuthPrivateKeyJWT) && s.Auth != string(AuthSelfSigned):
		return nil
	case s.JWKS == "" && s.JWKSURI == "":
		c.add("jwks", "auth: %s needs the service's public keys: a JSON Web Key Set here, or its address in jwks_uri", s.Auth)
		return nil
	case s.JWKS != "" && s.JWKSURI != "":
		c.add("jwks_uri", "jwks and jwks_uri cannot both say which keys count; remove one of them")
		return nil
	case s.JWKSURI != "":
		c.link("jwks_uri", s.JWKSURI)
		return nil
	}
	set, err := jose.ParseKeySet([]byte(s.JWKS))
	if err != nil {
		c.add("jwks", "%v", err)
		return nil
	}
	return set
}

// Origin is scheme://host[:port] of a web address, or scheme: of a private scheme; what a
// Content-Security-Policy's form-action names so that the redirect back is let through.
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + ":"
}
