// Package relyingparty is the registry of partner services: the services that
// send people here to sign in.
//
// It owns the tables relying_party and relying_party_revision. A partner is
// written as Settings (in the configuration file, or stored by the command
// line) and used as a RelyingParty, which exists only when every rule of
// Settings.Problems held. Partners of the configuration file live in memory and
// cannot be changed by commands; the others are rows behind one revision that
// every node polls, so that a change or a disabled partner is known everywhere
// within a second.
//
// The package refuses redirect addresses that are not https (loopback and the
// private schemes of native applications excepted), fragments, wildcards, user
// information, and two partners of one identifier. Client secrets are 256
// random bits, kept as their SHA-256 only, two at a time during rotation; those of
// client_secret_jwt, which assertions are verified with, are kept sealed.
package relyingparty

import (
	"maps"
	"slices"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
)

// AuthMethod is how a partner proves at the token endpoint that it is itself.
type AuthMethod string

// The client authentication methods (OpenID Connect Core 1.0, section 9).
const (
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthSecretJWT     AuthMethod = "client_secret_jwt" // where the deployment has turned it on
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthNone          AuthMethod = "none"                        // a public client: PKCE only
	AuthTLS           AuthMethod = "tls_client_auth"             // a certificate of an authority (RFC 8705, 2.1)
	AuthSelfSigned    AuthMethod = "self_signed_tls_client_auth" // a certificate that is registered (RFC 8705, 2.2)
)

// Support is whom a person can ask about the service itself. Every text is per language.
type Support struct {
	// Name is the desk's name.
	Name i18n.Text `yaml:"name,omitempty" json:"name,omitempty"`
	// Email is the desk's e-mail address.
	Email string `yaml:"email,omitempty" json:"email,omitempty"`
	// Phone is its telephone number, as people dial it.
	Phone string `yaml:"phone,omitempty" json:"phone,omitempty"`
	// URL is the https address of a help page, per language.
	URL i18n.Text `yaml:"url,omitempty" json:"url,omitempty"`
	// Hours are when somebody answers, per language.
	Hours i18n.Text `yaml:"hours,omitempty" json:"hours,omitempty"`
}

// Known reports whether there is any way to reach the desk.
func (s Support) Known() bool { return s.Email != "" || s.Phone != "" || len(s.URL) > 0 }

// RelyingParty is one partner service, checked and ready to use. Immutable and
// shared between requests: never change one.
type RelyingParty struct {
	Protection // how it proves who it is, and what protects what it sends and is given
	CIBA       // how it asks people to confirm who are not in front of it
	Stated     // what it says of itself

	ID          id.RelyingParty // the client_id
	Name        i18n.Text       // what people call the service
	Department  i18n.Text       // who runs it
	Description i18n.Text       // one sentence, shown in lists
	LogoPNG     []byte          // nil without a logo

	RedirectURIs           []string // exact; the port of a native application's loopback address is free
	PostLogoutRedirectURIs []string // exact
	StartURL               string   // where a person begins at the service; may be empty
	InitiateLoginURI       string   // starts a sign-in at the service (OIDC Core 4); may be empty
	ReturnURL              string   // "Back to <service>"; never empty unless the service gave no address at all

	FrontchannelLogoutURI string // is framed when somebody signs out in a browser (OIDC Front-Channel Logout 2); "" is not
	BackchannelLogoutURI  string // is told of the end of sessions (OIDC Back-Channel Logout 2.2); "" is not told

	Native           bool         // a native application in the sense of RFC 8252
	AuthMethod       AuthMethod   // at the token endpoint
	Secrets          []Secret     // in force; empty for private_key_jwt and none
	Keys             *jose.KeySet // that are registered; nil with a JWKSURI
	JWKSURI          string       // where its keys are; "" for those that are registered. Ask with Keys.Verify
	RequirePKCE      bool
	PlainOAuth       bool           // its requests need not contain the scope openid
	FormPost         bool           // may ask for response_mode=form_post
	RequirePushed    bool           // its authorization requests must be pushed (RFC 9126)
	RequireObject    bool           // its authorization requests must be signed (RFC 9101)
	RequestObjectAlg jose.Algorithm // that signs its request objects; "" any
	RequireDPoP      bool           // its tokens must be bound to a key (RFC 9449)
	Introspects      bool           // may ask about tokens of other services, too (RFC 7662)
	AnswerAlg        jose.Algorithm // that signs answers to it by response_mode=jwt
	IDTokenAlg       string
	Identities       bool   // the deployment verifies identities; set by the Registry
	IDTokenClaims    bool   // put the claims of the scopes in the ID token, too
	Sector           string // of the pairwise subject; empty: the public subject
	Scopes           []string
	Purposes         map[string]i18n.Text // why the service needs a claim, by claim name
	Doors            policy.Doors         // the ways in that the service takes
	PreferDoor       string               // the one that is shown first; "" for the deployment's order
	ACR              []string             // demanded of every sign-in: one of them
	MaxAge           time.Duration        // asked for when the request names none; 0: none
	ConsentPeriod    time.Duration        // 0: the deployment's
	AccessTokenTTL   time.Duration        // 0: the deployment's
	GrantTypes       []string             // by which it may get tokens; ask with Grants
	OwnScopes        []string             // that it may ask for by client_credentials
	AccessTokens     string               // TokensOpaque or TokensJWT, where no resource says otherwise
	Resources        []Resource           // that it may ask tokens for
	ExchangesFrom    []id.RelyingParty    // whose tokens it may exchange, beside its own
	DetailTypes      []DetailType         // that it may ask people to allow
	RefreshTokenTTL  time.Duration        // 0: the deployment's

	Support  Support
	Listed   bool // may be named on the public page of services
	Disabled bool
	FromFile bool // read only: stands in the configuration file

	RegisteredBy string // the name of the initial access token with which it registered itself; "" for one that an operator made
}

// Public reports whether the partner cannot keep a secret.
func (p *RelyingParty) Public() bool { return p.AuthMethod == AuthNone }

// Unproven reports whether nothing that the partner sends shows that it is the one it says: it
// has no secret, or is an application on people's devices, of which whoever has one has its
// secret, too (RFC 8252, 8.5: such a client counts as a public one).
func (p *RelyingParty) Unproven() bool { return p.Public() || p.Native && p.AuthMethod.UsesSecret() }

// WantsLogout reports whether the partner wants to know of the end of sessions.
func (p *RelyingParty) WantsLogout() bool {
	return p.BackchannelLogoutURI != "" || p.FrontchannelLogoutURI != ""
}

// Signs reports whether there are keys that what the partner signs is verified with.
func (p *RelyingParty) Signs() bool { return p.Keys.Len() > 0 || p.JWKSURI != "" }

// Allows reports whether the partner may ask for a scope.
func (p *RelyingParty) Allows(scope string) bool { return slices.Contains(p.Scopes, scope) }

// MayAsk are the scopes that the partner may ask for: where no identities are verified, a
// scope of theirs is ignored as one that does not exist.
func (p *RelyingParty) MayAsk() []string {
	offered := claim.Offered(p.Identities)
	return slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return !slices.Contains(offered, s) })
}

// AsClient is the partner as the rules of requests know it. issuer names the resource of userinfo.
func (p *RelyingParty) AsClient(issuer string) protocol.Client {
	return protocol.Client{
		ID: string(p.ID), RedirectURIs: p.RedirectURIs, Native: p.Native, Public: p.Unproven(),
		RequirePKCE: p.RequirePKCE, FormPost: p.FormPost, Scopes: p.MayAsk(), Identities: p.Identities, RequirePushed: p.RequirePushed, RequireObject: p.RequireObject, PlainOAuth: p.PlainOAuth,
		Resources: append(p.ResourceURIs(), protocol.OwnResources(issuer)...), Details: p.DetailFields(),
	}
}

// Origins are those of all the partner's registered addresses, each once. Browsers
// apply a page's form-action to every redirect after its form is sent, also to
// those of the service itself: a callback on one host may lead on to another.
func (p *RelyingParty) Origins() []string {
	var out []string
	for _, uri := range slices.Concat(p.RedirectURIs, p.PostLogoutRedirectURIs, []string{p.StartURL, p.InitiateLoginURI, p.ReturnURL}) {
		if uri == "" {
			continue
		}
		if origin := Origin(uri); origin != "" && !slices.Contains(out, origin) {
			out = append(out, origin)
		}
	}
	return out
}

// InMail names the partner in a mail; nil is no service.
func (p *RelyingParty) InMail() notice.Service {
	if p == nil {
		return notice.Service{}
	}
	out := notice.Service{Name: p.Name, Department: p.Department}
	if p.InitiateLoginURI != "" || p.StartURL != "" {
		out.Party = p.ID
	}
	return out
}

// Words are the names of the partner, which a password chosen on the way to it
// must not be (SP 800-63B-4, 3.1.1.2: context-specific words); nil has none.
func (p *RelyingParty) Words() []string {
	if p == nil {
		return nil
	}
	return slices.Concat(slices.Collect(maps.Values(p.Name)), slices.Collect(maps.Values(p.Department)))
}

// OpenURL is where "Open" on the list of connected services leads: the address
// that starts a sign-in, told by whom (OpenID Connect Core 1.0, 4), or else the start page.
// Empty when there is neither.
func (p *RelyingParty) OpenURL(issuer string) string {
	if p.InitiateLoginURI != "" {
		return protocol.AppendQuery(p.InitiateLoginURI, []protocol.Param{{Name: "iss", Value: issuer}})
	}
	return p.StartURL
}
