package upstream

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/policy"
)

// The bounds of what settings hold.
const (
	MaxLogo   = 20 << 10 // bytes
	mostSkew  = time.Minute
	usualSkew = 10 * time.Second
)

// Settings is one sign-in partner as it is written down.
type Settings struct {
	// ID stands in the address that the partner sends people back to: lower-case letters, digits and dashes.
	ID string `yaml:"id" json:"id"`
	// Protocol is how we speak with the partner: oidc (the default) or saml.
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"`
	// Kind fills in what is known of a partner: parvis, google, entra, okta, franceconnect, franceconnect-plus, interac or gckey; whatever is written here wins over it.
	Kind Kind `yaml:"kind,omitempty" json:"kind,omitempty"`

	// Name is what people call the partner, per language.
	Name i18n.Text `yaml:"name" json:"name"`
	// Brand is shown second on its button, per language.
	Brand i18n.Text `yaml:"brand,omitempty" json:"brand,omitempty"`
	// Button is the text of its button, per language; without one, the deployment's for sign-in partners.
	Button i18n.Text `yaml:"button,omitempty" json:"button,omitempty"`
	// Logo is a PNG of at most 20 kB as a data: address (data:image/png;base64,…).
	Logo string `yaml:"logo,omitempty" json:"logo,omitempty"`
	// Banner is something to know now, such as a new name, per language.
	Banner i18n.Text `yaml:"banner,omitempty" json:"banner,omitempty"`
	// Help says what the partner itself helps with, per language.
	Help i18n.Text `yaml:"help,omitempty" json:"help,omitempty"`
	// HelpURL is the https address of the partner's own help, per language.
	HelpURL i18n.Text `yaml:"help_url,omitempty" json:"help_url,omitempty"`
	// Order is the place among the partners; lower numbers come first.
	Order int `yaml:"order,omitempty" json:"order,omitempty"`
	// Disabled keeps the partner but lets nobody sign in with it.
	Disabled bool `yaml:"disabled,omitempty" json:"-"`

	// Issuer is the partner's own name for itself: an https address, or with saml the entityID of its metadata. People's links hang on it: it must not change.
	Issuer string `yaml:"issuer" json:"issuer"`
	// MaxAge is how old the authentication at the partner may be; 0: any age.
	MaxAge time.Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"`
	// ClockSkew is how far the partner's clock may be off; 10s without it, 1m at most.
	ClockSkew time.Duration `yaml:"clock_skew,omitempty" json:"clock_skew,omitempty"`
	// Timeout bounds each call to the partner; 5s without it.
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// CheckEvery is how often each node looks whether the partner can be reached; 2s without it. More than 2s, and an outage is known later than after five seconds.
	CheckEvery time.Duration `yaml:"check_every,omitempty" json:"check_every,omitempty"`
	// Worth is what a sign-in there is worth here.
	Worth Worth `yaml:"worth,omitempty" json:"worth,omitzero"`
	// OIDC is how we are known to an OpenID provider.
	OIDC OIDCSettings `yaml:"oidc,omitempty" json:"oidc,omitzero"`
	// SAML is how we speak with a SAML 2.0 identity provider.
	SAML SAMLSettings `yaml:"saml,omitempty" json:"saml,omitzero"`
}

// Worth says what a sign-in at a partner is worth here. The strongest of what
// matches counts, but never more than Cap.
type Worth struct {
	// Cap is the most that a sign-in there can be worth: one-step (the default), two-steps, aal2, aal2-phishing-resistant or aal3.
	Cap policy.Level `yaml:"cap,omitempty" json:"cap,omitzero"`
	// Least is what it must be worth at least to be accepted at all.
	Least policy.Level `yaml:"least,omitempty" json:"least,omitzero"`
	// ACR is the levels of the partner's values of acr; a sign-in without one of them is worth one-step.
	ACR map[string]policy.Level `yaml:"acr,omitempty" json:"acr,omitempty"`
	// AMR is the levels of the partner's values of amr.
	AMR map[string]policy.Level `yaml:"amr,omitempty" json:"amr,omitempty"`
}

// Of is the level of a sign-in with an acr and some amr values.
func (w Worth) Of(acr string, amr []string) policy.Level {
	level := max(policy.OneStep, w.ACR[acr])
	for _, method := range amr {
		level = max(level, w.AMR[method])
	}
	return min(level, w.Cap)
}

// Enough are the values of acr to ask for: those of the settings, or, when a level is
// demanded that the strongest of them does not reach, those that do reach it, the
// weakest of them first.
func (w Worth) Enough(configured []string, level policy.Level) []string {
	enough := func(value string) bool { return w.Of(value, nil) >= level }
	if level == 0 || slices.ContainsFunc(configured, enough) {
		return configured
	}
	values := slices.SortedFunc(maps.Keys(w.ACR), func(a, b string) int {
		return cmp.Or(cmp.Compare(w.ACR[a], w.ACR[b]), strings.Compare(a, b))
	})
	values = slices.DeleteFunc(values, func(value string) bool { return !enough(value) })
	if len(values) == 0 {
		return configured
	}
	return values
}

// OIDCSettings are how we are known to an OpenID provider.
type OIDCSettings struct {
	// ClientID is the client_id that the partner gave us.
	ClientID string `yaml:"client_id" json:"client_id"`
	// Auth is how we show who we are: private_key_jwt (the default without a secret), client_secret_basic (the default with one) or client_secret_post.
	Auth string `yaml:"auth,omitempty" json:"auth,omitempty"`
	// Secret is the client secret that the partner gave us. Better: secret_file.
	Secret string `yaml:"secret,omitempty" json:"-" secret:"true"`
	// SecretFile holds the client secret.
	SecretFile string `yaml:"secret_file,omitempty" json:"-"`
	// PrivateKey signs client assertions: PEM (PKCS #8). Without one, the deployment's own signing key does, which stands in its published key set.
	PrivateKey string `yaml:"private_key,omitempty" json:"-" secret:"true" file:"whole"`
	// PrivateKeyFile holds the private key.
	PrivateKeyFile string `yaml:"private_key_file,omitempty" json:"-"`
	// SigningAlg is the algorithm of client assertions: ES256 (the default), RS256, PS256 or EdDSA; without a private key ES256 or RS256.
	SigningAlg string `yaml:"signing_alg,omitempty" json:"signing_alg,omitempty"`
	// DecryptionKey opens encrypted ID tokens: PEM (PKCS #8), RSA or P-256; older keys may follow the newest one. With it, ID tokens must be encrypted.
	DecryptionKey string `yaml:"decryption_key,omitempty" json:"-" secret:"true" file:"whole"`
	// DecryptionKeyFile holds the decryption keys.
	DecryptionKeyFile string `yaml:"decryption_key_file,omitempty" json:"-"`
	// Scopes are asked for; openid only without them. Nothing that others would bring is read or kept.
	Scopes []string `yaml:"scopes,omitempty" json:"scopes,omitempty"`
	// ACRValues are asked for in every request, the preferred one first.
	ACRValues []string `yaml:"acr_values,omitempty" json:"acr_values,omitempty"`
	// Claims are those of the ID token that are asked for as essential: acr, amr, auth_time. Without one of them, an answer is refused.
	Claims []string `yaml:"claims,omitempty" json:"claims,omitempty"`
	// ResponseMode is how answers come: query (the default) or form_post.
	ResponseMode string `yaml:"response_mode,omitempty" json:"response_mode,omitempty"`
	// PAR is whether requests are sent ahead of the browser (RFC 9126): offered (the default: where the partner offers it), on or off.
	PAR Use `yaml:"par,omitempty" json:"par,omitempty"`
	// DPoP is whether tokens are bound to a key (RFC 9449): offered (the default), on or off.
	DPoP Use `yaml:"dpop,omitempty" json:"dpop,omitempty"`
	// Logout is whether people who sign out here can choose to sign out at the partner, too (OpenID Connect RP-Initiated Logout 1.0): offered (the default: where the partner offers it) or off.
	Logout Use `yaml:"logout,omitempty" json:"logout,omitempty"`
	// IDTokenAlgs are the accepted signature algorithms of ID tokens: RS256, PS256, ES256, EdDSA; all of them without it.
	IDTokenAlgs []string `yaml:"id_token_algs,omitempty" json:"id_token_algs,omitempty"`
	// UserInfo calls the userinfo endpoint, too, for partners that count a sign-in as done only then. Its answer must name the same subject and is forgotten.
	UserInfo bool `yaml:"userinfo,omitempty" json:"userinfo,omitempty"`
	// RequireIss demands iss in every answer (RFC 9207), also when the partner's metadata does not promise it.
	RequireIss bool `yaml:"require_iss,omitempty" json:"require_iss,omitempty"`
}

// Problems lists what is wrong with the settings; each text names the yaml key and says what to do.
func (s Settings) Problems() []string {
	_, problems := s.Build()
	return problems
}

// Build checks the settings and makes the provider. It returns none when there is a problem.
func (s Settings) Build() (*Provider, []string) {
	given := s
	s = s.withDefaults()
	c := &check{id: s.ID}
	c.words(s)
	c.numbers(s)
	c.worth(s.Worth)
	p := &Provider{
		ID: ID(s.ID), Kind: s.Kind, Protocol: Protocol(s.Protocol), Issuer: s.Issuer,
		Name: s.Name, Brand: s.Brand, Button: s.Button, Banner: s.Banner, Help: s.Help, HelpURL: s.HelpURL, Order: s.Order,
		LogoPNG: c.logo(s.Logo), MaxAge: s.MaxAge, Skew: s.ClockSkew, Timeout: s.Timeout, CheckEvery: s.CheckEvery,
		Worth: s.Worth, Disabled: s.Disabled,
	}
	switch p.Protocol {
	case OIDC:
		c.issuer(s.Issuer)
		p.Client = c.client(s.OIDC)
		if !reflect.ValueOf(given.SAML).IsZero() {
			c.add("saml", "is for protocol: saml only; remove it, or write protocol: saml")
		}
	case SAML:
		p.SAML = c.saml(s.Issuer, s.SAML)
		if !reflect.ValueOf(given.OIDC).IsZero() {
			c.add("oidc", "is for protocol: oidc only; remove it")
		}
	default:
		c.add("protocol", "%q is not known; use oidc or saml", s.Protocol)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// withDefaults fills in what the kind knows, and then what holds for all.
func (s Settings) withDefaults() Settings {
	s = s.Kind.fill(s)
	s.SAML = s.SAML.withDefaults()
	set(&s.Protocol, string(OIDC))
	set(&s.ClockSkew, usualSkew)
	set(&s.Timeout, 5*time.Second)
	set(&s.CheckEvery, 2*time.Second)
	set(&s.Worth.Cap, policy.OneStep)
	o := &s.OIDC
	if o.Secret != "" {
		set(&o.Auth, AuthBasic)
	}
	set(&o.Auth, AuthPrivateKeyJWT)
	set(&o.SigningAlg, "ES256")
	set(&o.ResponseMode, "query")
	set(&o.PAR, Offered)
	set(&o.DPoP, Offered)
	set(&o.Logout, Offered)
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid"}
	}
	if len(o.IDTokenAlgs) == 0 {
		o.IDTokenAlgs = []string{"RS256", "ES256", "PS256", "EdDSA"}
	}
	return s
}

// set gives a setting that was left out a value.
func set[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}
