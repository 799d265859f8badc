package protocol

import (
	"slices"

	"parvis/internal/oidc/claim"
)

// Client is what the rules need to know of a registered client.
type Client struct {
	ID           string
	RedirectURIs []string
	Native       bool
	Public       bool
	RequirePKCE  bool
	FormPost     bool
	PlainOAuth   bool // openid need not be among the scopes (RFC 6749)
	Scopes       []string
	Identities   bool                // verified identities can be told
	Resources    []string            // that it may ask tokens for (RFC 8707)
	Details      map[string][]string // members of each type of authorization_details (RFC 9396)

	RequirePushed bool // only requests that were pushed count (RFC 9126, 6)
	RequireObject bool // only request objects count (RFC 9101, 10.5)
}

// The response modes (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post
// Response Mode; JWT Secured Authorization Response Mode, 2.3).
const (
	ModeQuery       = "query"
	ModeFormPost    = "form_post"
	ModeJWT         = "jwt" // of the code flow: query.jwt
	ModeQueryJWT    = "query.jwt"
	ModeFormPostJWT = "form_post.jwt"
)

// Prompt is the parsed prompt parameter (OpenID Connect Core 1.0, 3.1.2.1; Initiating User Registration 1.0).
type Prompt struct {
	None          bool `json:"none,omitempty"`
	Login         bool `json:"login,omitempty"`
	Consent       bool `json:"consent,omitempty"`
	SelectAccount bool `json:"select,omitempty"`
	Create        bool `json:"create,omitempty"`
}

// Request is an authorization request that kept every rule. It is stored in a flow as JSON.
type Request struct {
	claim.Parameter // the claims parameter; its ACR are also those of acr_values, its Subject also that of id_token_hint

	ClientID     string   `json:"client"`
	RedirectURI  string   `json:"redirect"`
	ResponseMode string   `json:"mode"`
	Scopes       []string `json:"scopes"`
	State        string   `json:"state,omitempty"`
	Nonce        string   `json:"nonce,omitempty"`
	Challenge    string   `json:"challenge,omitempty"` // S256
	Prompt       Prompt   `json:"prompt"`
	MaxAge       *int64   `json:"maxAge,omitempty"` // seconds; absent: not asked
	UILocales    []string `json:"-"`
	LoginHint    string   `json:"-"`
	Hint         string   `json:"-"`                    // id_token_hint, not yet verified
	Thumbprint   string   `json:"jkt,omitempty"`        // of the key that the code is bound to (RFC 9449, 10)
	Resources    []string `json:"resources,omitempty"`  // that tokens are wanted for (RFC 8707)
	Details      string   `json:"details,omitempty"`    // what exactly the service wants to do (RFC 9396)
	Identities   bool     `json:"identities,omitempty"` // verified identities can be told
	Pushed       string   `json:"pushed,omitempty"`     // the pushed request that this is; used up when a code is made
}

// Named are the two parameters that decide where an error may go.
func Named(p Params) (clientID string, err *Error) {
	switch {
	case p.Repeated("client_id", "redirect_uri"):
		return "", page("client_id or redirect_uri was sent twice")
	case p.Get("client_id") == "":
		return "", page("client_id is missing")
	case len(p.Get("client_id")) > 256:
		return "", page("client_id is too long")
	}
	return p.Get("client_id"), nil
}

// Came says how the parameters of a request came in.
type Came struct {
	Pushed bool // by the client itself (RFC 9126)
	Signed bool // in a request object (RFC 9101)
}

// Check puts an authorization request to every rule, in order, and stops at the
// first one that fails. With an error to the client, the returned request holds
// at least its redirect address, response mode and state.
func Check(p Params, c Client, came Came) (*Request, *Error) {
	d := &draft{params: p, client: c, came: came, request: &Request{ClientID: c.ID, ResponseMode: ModeQuery, Identities: c.Identities}}
	for _, rule := range []func(*draft) *Error{
		redirectURI, state, responseMode, noRepetition, wayIn, responseType,
		scope, nonce, pkce, boundKey, prompt, maxAge, locales, loginHint, acrValues, claims, hint, resource, details,
	} {
		if err := rule(d); err != nil {
			return d.request, err
		}
	}
	return d.request, nil
}

// draft is a request on its way through the rules.
type draft struct {
	params  Params
	client  Client
	came    Came
	request *Request
}

// Claims are the claims the request asks for at the userinfo endpoint: those of its scopes and those named.
func (r *Request) Claims() []string {
	var out []string
	add := func(names []string) {
		for _, n := range names {
			if !slices.Contains(out, n) && (r.Identities || !claim.OfIdentity(n)) {
				out = append(out, n)
			}
		}
	}
	for _, s := range r.Scopes {
		add(claim.Of(s))
	}
	add(r.UserInfo)
	return out
}

// Attributes are the claims the person is asked to share, in the order of the consent page.
func (r *Request) Attributes() []string {
	asked := slices.Concat(r.Claims(), r.IDToken, r.Verified.UserInfo.Names(), r.Verified.IDToken.Names())
	if slices.Contains(r.Scopes, claim.ScopeOffline) {
		asked = append(asked, claim.ScopeOffline)
	}
	return claim.AskAbout(asked)
}
