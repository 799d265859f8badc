// Package upstream holds the sign-in partners: who lets people sign in here with
// what they have elsewhere, such as a bank's sign-in, a province, a national eID or
// a ministry's directory.
//
// A partner is written as Settings (in the configuration file, or stored by the
// command line) and used as a Provider, which exists only when every rule held.
// Providers of the file cannot be changed by commands; the others are rows behind
// one revision that every node polls (Registry, Store). Registry.Begin makes the
// request that a browser takes to the partner, and Registry.Finish checks what it
// brings back, each by the Consumer of the provider's protocol (oidc and
// saml below this package). Registry.Health says whether a partner can be reached.
// Links tie a partner's subject to an account.
//
// What this package refuses, whatever is configured:
//
//   - telling a partner which service a person is on the way to: an Ask has no
//     place for it, and one client and one address serve all services;
//   - knowing a person by anything but issuer and subject: names, addresses and
//     other claims are neither asked for by default nor read nor kept;
//   - making more of a sign-in than its Worth allows, whatever the partner says.
//
// A link is no authenticator and has no line in authenticator.List: nothing of it
// is verified here (SP 800-63C-4, 1.1: the verifier is the partner), it has no
// failures to count, no name that its owner gives, and must outlive the removal of
// all second steps. Pages that list the ways in read both lists, and whoever
// removes a way in counts both.
//
// It owns the tables upstream_provider, upstream_revision, upstream_link,
// upstream_block and upstream_assertion. Settings.OIDC becomes a
// Client, Settings.SAML a SAMLClient.
package upstream

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/policy"
)

// ID names a provider. It stands in the address that the partner sends people back to.
type ID string

// Protocol is how a provider is spoken to.
type Protocol string

// The protocols.
const (
	OIDC Protocol = "oidc" // OpenID Connect Core 1.0
	SAML Protocol = "saml" // SAML 2.0
)

// Provider is one sign-in partner, checked and ready to use. Immutable and shared
// between requests: never change one.
type Provider struct {
	ID       ID
	Kind     Kind
	Protocol Protocol
	Issuer   string // with a subject, the key of every link; never changes

	Name    i18n.Text // what people call the partner
	Brand   i18n.Text // the brand shown second on its button; may be empty
	Button  i18n.Text // the text of its button; empty: the deployment's for sign-in partners
	Banner  i18n.Text // something to know now, such as a new name; may be empty
	Help    i18n.Text // what the partner itself helps with
	HelpURL i18n.Text // the partner's own help
	LogoPNG []byte    // nil without a logo
	Order   int       // lower ones are shown first

	MaxAge     time.Duration // how old the authentication at the partner may be; 0: any age
	Skew       time.Duration // how far its clock may be off
	Timeout    time.Duration // of each call
	CheckEvery time.Duration // how often its health is looked at

	Worth  Worth
	Client Client     // for OIDC
	SAML   SAMLClient // for SAML

	Disabled bool
	FromFile bool // read only: stands in the configuration file
}

// LogValue keeps keys and secrets out of the log.
func (p *Provider) LogValue() slog.Value { return slog.StringValue(string(p.ID)) }

// String is the identifier.
func (p *Provider) String() string { return string(p.ID) }

// GoString keeps keys and secrets out of dumps.
func (p *Provider) GoString() string { return "upstream.Provider(" + string(p.ID) + ")" }

// Client is how we are known to an OpenID provider.
type Client struct {
	ID           string
	Auth         string // AuthBasic, AuthPost or AuthPrivateKeyJWT
	Secret       string
	Signer       *jose.Signer    // signs client assertions; nil: the deployment's key for SigningAlg
	SigningAlg   jose.Algorithm  // of client assertions
	Decrypter    *jose.Decrypter // opens ID tokens, which must be encrypted then; nil: they must not be
	Scopes       []string        // openid first
	ACRValues    []string        // asked for in every request
	Claims       []string        // asked for as essential: acr, amr, auth_time
	ResponseMode string          // "query" or "form_post"
	PAR, DPoP    Use
	Logout       Use              // Offered or Off: whether people can sign out there, too
	Algorithms   []jose.Algorithm // accepted in ID tokens
	UserInfo     bool             // ask the userinfo endpoint, too
	RequireIss   bool             // demand iss in answers, whatever the metadata says
}

// The ways of showing at the token endpoint who we are (OpenID Connect Core 1.0, 9).
const (
	AuthBasic         = "client_secret_basic"
	AuthPost          = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
)

// Use says when something optional is used.
type Use string

// The values of Use.
const (
	Off     Use = "off"
	On      Use = "on"      // always; a provider that does not offer it cannot be used
	Offered Use = "offered" // where the provider's metadata offers it
)

// Ask is what one sign-in wants of a partner. It is all that a partner can learn of
// the occasion: there is no service in it, and never will be (R42).
type Ask struct {
	Level  policy.Level   // what it must be worth; 0: whatever it is
	MaxAge *time.Duration // how old the authentication may be; nil: as the provider's settings say
	Fresh  bool           // the person must authenticate now
	Lang   i18n.Lang      // the language of the partner's pages
}

// Request is where the browser goes.
type Request struct {
	URL     string
	Form    url.Values // nil: a redirect (303); else a form that is posted to URL
	Pending Pending
}

// Pending is what must be remembered until the partner answers. Its holder keeps it
// sealed and bound to the browser, and takes it away in the same statement in which
// it is used: an answer is checked at most once.
type Pending struct {
	Provider ID             `json:"provider"`
	Issuer   string         `json:"issuer"`
	Protocol Protocol       `json:"protocol"`
	State    string         `json:"state"`              // at least 128 random bits; comes back with the answer
	Nonce    string         `json:"nonce,omitempty"`    // OIDC: in the ID token
	Verifier string         `json:"verifier,omitempty"` // OIDC: of PKCE
	Request  string         `json:"request,omitempty"`  // SAML: the ID of the AuthnRequest
	At       time.Time      `json:"at"`
	Level    policy.Level   `json:"level,omitzero"`
	MaxAge   *time.Duration `json:"max_age,omitempty"` // what was demanded, the provider's own limit included
	Fresh    bool           `json:"fresh,omitempty"`
}

// LogValue keeps what an answer is checked by out of the log.
func (p Pending) LogValue() slog.Value {
	return slog.StringValue("(pending at " + string(p.Provider) + ")")
}

// Answer is what the browser brought back: the parameters of the query or of the
// posted form, and the query as it was written, over which SAML signs.
type Answer struct {
	Params   url.Values
	RawQuery string
}

// State is what ties an answer to its request: state (RFC 6749, 4.1.2), or RelayState
// (SAML bindings 3.5.3).
func (a Answer) State() string { return cmp.Or(a.Params.Get("state"), a.Params.Get("RelayState")) }

// LogValue keeps codes and assertions out of the log.
func (Answer) LogValue() slog.Value { return slog.StringValue("(answer)") }

// Assertion is a checked answer: who signed in at the partner, and how.
type Assertion struct {
	Issuer       string
	Subject      string
	ACR          string
	AMR          []string
	AuthTime     time.Time    // zero: the partner does not say
	NotOnOrAfter time.Time    // good until then
	Level        policy.Level // what it is worth here; set by Registry.Finish
	Presence     Presence     // what the partner calls this sign-in
}

// LogValue keeps the subject out of the log.
func (a Assertion) LogValue() slog.Value {
	return slog.GroupValue(slog.String("issuer", a.Issuer), slog.String("acr", a.ACR), slog.String("level", a.Level.String()))
}

// String keeps the subject out of formatted texts.
func (a Assertion) String() string { return "(assertion of " + a.Issuer + ")" }

// Consumer speaks one protocol with providers.
type Consumer interface {
	// Begin makes the request of a sign-in.
	Begin(ctx context.Context, p *Provider, ask Ask) (Request, error)
	// Finish checks the answer to a request. The error is an *Error.
	Finish(ctx context.Context, p *Provider, pending Pending, answer Answer) (Assertion, error)
	// Probe asks whether the provider can be reached, with as little work for it as
	// possible; thorough: also what only a sign-in would call. The error is an *Error.
	Probe(ctx context.Context, p *Provider, thorough bool) error
	// Examine looks at everything that a sign-in needs and says what is wrong.
	Examine(ctx context.Context, p *Provider) []Finding
}

// Finding is something that an operator should know of a provider.
type Finding struct {
	Wrong bool   `json:"wrong"` // nobody can sign in until it is mended
	Text  string `json:"text"`
}

// MetadataPath is where a partner that speaks SAML finds our metadata for it.
func MetadataPath(provider ID) string { return "/partner/" + string(provider) + "/metadata" }

// CallbackPath is where a partner sends people back to: one address for each
// partner (RFC 9700, 4.4.2.2), the same for every service.
func CallbackPath(provider ID) string { return "/partner/" + string(provider) + "/callback" }

// SignedOutPath is where a partner sends people back to who have signed out there, too.
func SignedOutPath(provider ID) string { return "/partner/" + string(provider) + "/signed-out" }

// LogoutPath is where a partner that speaks SAML sends its messages of logout, by the browser.
func LogoutPath(provider ID) string { return "/partner/" + string(provider) + "/logout" }

// LeavePath is our page that sends people to such a partner to sign out there, too.
func LeavePath(provider ID) string { return "/partner/" + string(provider) + "/sign-out" }

// DeparturePath is where a partner's machine says that somebody has signed out there.
func DeparturePath(provider ID) string {
	return "/partner/" + string(provider) + "/backchannel-logout"
}
