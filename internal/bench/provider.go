package bench

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"parvis/internal/config"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// The services of the scenarios of this file, by what follows "bench-" in their names.
const (
	bound = "bound" // pushes its requests and binds its tokens to a key (RFC 9126, RFC 9449)
	away  = "away"  // goes on while the person is away
	own   = "own"   // gets tokens for itself
)

// proofKeyVerifier is the PKCE verifier of the service that has one.
const proofKeyVerifier = "a-verifier-that-the-bench-uses-again-and-again-1234"

// providerParties are these services.
func providerParties(c *config.Config) {
	base := relyingparty.Settings{
		Name: i18n.Text{"en": "Bench of the provider", "fr": "Banc du fournisseur"}, Department: i18n.Text{"en": "Bench", "fr": "Banc"},
		RedirectURIs: []string{redirectURI}, Secret: clientSecret, Scopes: []string{"email"}, IDTokenAlg: "ES256", PKCE: "optional",
	}
	b, a, o := base, base, base
	b.ID, b.PKCE, b.RequireDPoP, b.RequirePushed = clientOf(bound), "required", true, false
	a.ID, a.Scopes, a.GrantTypes = clientOf(away), []string{"email", claim.ScopeOffline}, []string{protocol.GrantAuthorizationCode, protocol.GrantRefreshToken}
	o.ID, o.Scopes, o.RedirectURIs, o.GrantTypes, o.OwnScopes = clientOf(own), nil, nil, []string{"client_credentials"}, []string{"bench"}
	c.Partners = append(c.Partners, b, a, o)
}

// providerScenarios are the endpoints that services call.
func (b *bench) providerScenarios() []scenario {
	p := &provider{bench: b, proofs: make([]*jose.Signer, max(b.Workers, 1)), refresh: make([]string, max(b.Workers, 1))}
	hello := b.floor(b.Workers, b.get(b.helloURL))
	p.rest = b.parts(jose.ES256, 4, 3, 1)
	return []scenario{
		{
			name: "published keys", workers: b.Workers, operation: b.get(b.issuer + protocol.PathJWKS),
			floor: hello, floorName: "hello world", goal: "at least 80 % of hello world",
		},
		{
			name: "PAR, DPoP, code flow, ES256", workers: b.Workers, prepare: p.keys, operation: p.boundFlow, driver: p.twoProofs,
			floor: b.floor(b.Workers, p.boundParts), floorName: "4 hellos, 3 commits, 1 signature, 2 proofs made and verified", goal: "at least 33 %",
		},
		{
			name: "refresh, ES256", workers: b.Workers, prepare: p.begin, operation: p.again,
			floor: b.floor(b.Workers, b.parts(jose.ES256, 1, 1, 1)), floorName: "1 hello, 1 commit, 1 signature", goal: "at least 33 %",
		},
		{
			name: "client credentials", workers: b.Workers, operation: p.forItself,
			floor: b.floor(b.Workers, b.parts(jose.ES256, 1, 1, 0)), floorName: "1 hello, 1 commit", goal: "at least 33 %",
		},
		{
			name: "introspection", workers: b.Workers, prepare: p.one, operation: p.introspect, floor: hello, floorName: "1 hello", goal: "none: a read of the database is not in the floor",
		},
		{
			name: "userinfo", workers: b.Workers, prepare: p.one, operation: p.userinfo, floor: hello, floorName: "1 hello", goal: "none: a read of the database is not in the floor",
		},
	}
}

// provider is what the services of the scenarios have.
type provider struct {
	*bench

	proofs  []*jose.Signer // a key for each worker
	refresh []string       // a refresh token for each worker
	access  string         // one access token

	rest func(context.Context, int) error // of the floor of boundFlow, without its proofs
}

// keys makes the keys that tokens are bound to.
func (p *provider) keys(context.Context) error {
	for i := range p.proofs {
		key, err := jose.Generate(jose.ES256)
		if err != nil {
			return err
		}
		if p.proofs[i], err = jose.NewSigner(jose.ES256, key); err != nil {
			return err
		}
	}
	return nil
}

// proof is a proof of possession of a worker's key (RFC 9449, 4.2).
func (p *provider) proof(worker int, method, path, token string) (string, error) {
	claims := map[string]any{"jti": secret.NewToken(), "htm": method, "htu": p.issuer + path, "iat": p.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return p.proofs[worker].SignWithKey(protocol.TypeProof, claims)
}

// twoProofs is what a service signs for one flow: a proof for the token endpoint and one for userinfo.
func (p *provider) twoProofs(_ context.Context, worker int) error {
	_, _, err := p.flowProofs(worker)
	return err
}

func (p *provider) flowProofs(worker int) (token, userinfo string, err error) {
	if token, err = p.proof(worker, http.MethodPost, protocol.PathToken, ""); err != nil {
		return "", "", err
	}
	userinfo, err = p.proof(worker, http.MethodGet, protocol.PathUserInfo, "a-token-of-as-many-characters-as-one-has-43")
	return token, userinfo, err
}

// boundParts is the unavoidable work of boundFlow: its proofs are made, and each is verified
// with the key that it brings (RFC 9449, 4.3).
func (p *provider) boundParts(ctx context.Context, worker int) error {
	if err := p.rest(ctx, worker); err != nil {
		return err
	}
	token, userinfo, err := p.flowProofs(worker)
	if err != nil {
		return err
	}
	for _, proof := range []string{token, userinfo} {
		if _, _, err := jose.Possession(proof, protocol.TypeProof, jose.ES256); err != nil {
			return err
		}
	}
	return nil
}

// post sends a form to an endpoint as a service, and reads the JSON of the answer.
func (p *provider) post(ctx context.Context, path, client string, form url.Values, proof string, want int) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, clientSecret)
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	raw, err := p.answer(r, want)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// member is a text of an answer; an error when it is not there.
func member(answer map[string]any, name string) (string, error) {
	text, _ := answer[name].(string)
	if text == "" {
		return "", fmt.Errorf("no %s in %v", name, answer)
	}
	return text, nil
}

// boundFlow is a pushed request, authorize, token and userinfo with proofs of possession.
func (p *provider) boundFlow(ctx context.Context, worker int) error {
	client := clientOf(bound)
	pushed, err := p.post(ctx, protocol.PathPush, client, url.Values{
		"redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"state-of-the-bench"}, "nonce": {"nonce-of-the-bench"},
		"code_challenge": {grant.Challenge(proofKeyVerifier)}, "code_challenge_method": {"S256"},
	}, "", http.StatusCreated)
	if err != nil {
		return err
	}
	name, err := member(pushed, "request_uri")
	if err != nil {
		return err
	}
	code, err := p.codeAt(ctx, worker, p.issuer+"/authorize?"+url.Values{"client_id": {client}, "request_uri": {name}}.Encode())
	if err != nil {
		return err
	}
	proof, err := p.proof(worker, http.MethodPost, protocol.PathToken, "")
	if err != nil {
		return err
	}
	tokens, err := p.post(ctx, protocol.PathToken, client, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {proofKeyVerifier},
	}, proof, http.StatusOK)
	if err != nil {
		return err
	}
	token, err := member(tokens, "access_token")
	if err != nil {
		return err
	}
	if proof, err = p.proof(worker, http.MethodGet, protocol.PathUserInfo, token); err != nil {
		return err
	}
	return p.ask(ctx, "DPoP "+token, proof)
}

// ask is userinfo with a token.
func (p *provider) ask(ctx context.Context, authorization, proof string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+protocol.PathUserInfo, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", authorization)
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	_, err = p.answer(r, http.StatusOK)
	return err
}

// begin gets each worker a refresh token.
func (p *provider) begin(ctx context.Context) error {
	for worker := range p.refresh {
		code, err := p.code(ctx, away, worker)
		if err != nil {
			return err
		}
		tokens, err := p.post(ctx, protocol.PathToken, clientOf(away), url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}, "", http.StatusOK)
		if err != nil {
			return err
		}
		if p.refresh[worker], err = member(tokens, "refresh_token"); err != nil {
			return err
		}
	}
	return nil
}

// again is a renewal; a confidential service keeps its refresh token.
func (p *provider) again(ctx context.Context, worker int) error {
	tokens, err := p.post(ctx, protocol.PathToken, clientOf(away), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh[worker]}}, "", http.StatusOK)
	if err != nil {
		return err
	}
	_, err = member(tokens, "access_token")
	return err
}

// forItself is a token without a person.
func (p *provider) forItself(ctx context.Context, _ int) error {
	tokens, err := p.post(ctx, protocol.PathToken, clientOf(own), url.Values{"grant_type": {"client_credentials"}, "scope": {"bench"}}, "", http.StatusOK)
	if err != nil {
		return err
	}
	_, err = member(tokens, "access_token")
	return err
}

// one gets one access token to ask with.
func (p *provider) one(ctx context.Context) error {
	code, err := p.code(ctx, "ES256", 0)
	if err != nil {
		return err
	}
	p.access, err = p.redeem(ctx, "ES256", code)
	return err
}

func (p *provider) introspect(ctx context.Context, _ int) error {
	answer, err := p.post(ctx, protocol.PathInspect, clientOf("ES256"), url.Values{"token": {p.access}}, "", http.StatusOK)
	if err == nil && answer["active"] != true {
		err = errors.New("the token is not active")
	}
	return err
}

func (p *provider) userinfo(ctx context.Context, _ int) error {
	return p.ask(ctx, "Bearer "+p.access, "")
}

// cost is what one operation asks of the database and of the signing keys.
type cost struct {
	statements, signatures int64
}

// meter counts while an operation runs alone.
type meter struct {
	statements, signatures atomic.Int64
}

var signed = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)

// sees counts the signed tokens in an answer.
func (m *meter) sees(body []byte) { m.signatures.Add(int64(len(signed.FindAll(body, -1)))) }

// cost runs an operation alone some times. The background polls the database, too: the
// lowest count is the operation's own.
func (b *bench) cost(ctx context.Context, operation func(context.Context, int) error) (cost, error) {
	var out cost
	for i := range 5 {
		statements, signatures := b.meter.statements.Load(), b.meter.signatures.Load()
		err := operation(ctx, 0)
		if errors.Is(err, errUsedUp) && i > 0 {
			break
		}
		if err != nil {
			return out, err
		}
		got := cost{b.meter.statements.Load() - statements, b.meter.signatures.Load() - signatures}
		if i == 0 || got.statements < out.statements {
			out = got
		}
	}
	return out, nil
}
