package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/upstream"
)

// challenge is the S256 code challenge of a verifier (RFC 7636, 4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// seconds writes a duration as max_age wants it, never longer than demanded.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// claimsParameter asks for claims of the ID token as essential (OpenID Connect Core 1.0, 5.5).
func claimsParameter(names []string) string {
	want := map[string]map[string]bool{}
	for _, name := range names {
		want[name] = map[string]bool{"essential": true}
	}
	text, _ := json.Marshal(map[string]any{"id_token": want}) // cannot fail: texts and booleans
	return string(text)
}

// push sends the parameters ahead of the browser (RFC 9126, 2) and returns what the
// browser carries instead.
func (c *Consumer) push(ctx context.Context, p *upstream.Provider, m *metadata, params url.Values) (url.Values, error) {
	form := maps.Clone(params)
	header := formHeader()
	if err := c.authenticate(p, form, header); err != nil {
		return nil, err
	}
	answer, err := c.call(ctx, p, "pushed authorization request", outbound.Request{
		Method: "POST", URL: m.PushedAuthorization, Header: header, Body: []byte(form.Encode()),
	})
	if err != nil {
		return nil, err
	}
	if answer.Status != 201 && answer.Status != 200 {
		return nil, oauthError("pushed authorization request", answer)
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if err := json.Unmarshal(answer.Body, &pushed); err != nil || !visible(pushed.RequestURI, 512) {
		return nil, upstream.Fail(upstream.Invalid, "pushed authorization request: no request_uri in the answer")
	}
	return url.Values{"client_id": {p.Client.ID}, "request_uri": {pushed.RequestURI}}, nil
}

// visible reports whether a text is 1 to most visible ASCII characters.
func visible(text string, most int) bool {
	return text != "" && len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func formHeader() map[string]string {
	return map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
}

// assertionLife is how long a client assertion is good for.
const assertionLife = time.Minute

// authenticate shows who we are, in the form or in a header.
func (c *Consumer) authenticate(p *upstream.Provider, form url.Values, header map[string]string) error {
	switch p.Client.Auth {
	case upstream.AuthBasic: // both parts are form-encoded first (RFC 6749, 2.3.1)
		pair := url.QueryEscape(p.Client.ID) + ":" + url.QueryEscape(p.Client.Secret)
		header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	case upstream.AuthPost:
		form.Set("client_id", p.Client.ID)
		form.Set("client_secret", p.Client.Secret)
	default:
		assertion, err := c.assertion(p)
		if err != nil {
			return err
		}
		form.Set("client_id", p.Client.ID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	return nil
}

// assertion is a signed statement of who we are, for this provider only: its
// audience is the issuer and nothing else (RFC 7523; FAPI 2.0 Security Profile, 5.3.3.1).
func (c *Consumer) assertion(p *upstream.Provider) (string, error) {
	signer := p.Client.Signer
	if signer == nil {
		var err error
		if signer, err = c.Signer(p.Client.SigningAlg); err != nil {
			return "", err
		}
	}
	now := c.Now()
	return signer.Sign("JWT", map[string]any{
		"iss": p.Client.ID, "sub": p.Client.ID, "aud": p.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
}

// prover makes DPoP proofs with a key that lives as long as one sign-in (RFC 9449).
// A nil prover proves nothing.
type prover struct {
	signer *jose.Signer
	now    func() time.Time
	nonce  string
}

// newProver makes a prover when DPoP is used with a provider.
func (c *Consumer) newProver(p *upstream.Provider, m *metadata) (*prover, error) {
	offered := slices.Contains(m.DPoPAlgorithms, string(jose.ES256))
	switch {
	case p.Client.DPoP == upstream.On && !offered && len(m.DPoPAlgorithms) > 0:
		return nil, upstream.Fail(upstream.Invalid, "the provider offers DPoP with %.100v only, not with ES256", m.DPoPAlgorithms)
	case p.Client.DPoP == upstream.Off || p.Client.DPoP == upstream.Offered && !offered:
		return nil, nil //nolint:nilnil // no DPoP is an ordinary answer
	}
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.ES256, key)
	if err != nil {
		return nil, err
	}
	return &prover{signer: signer, now: c.Now}, nil
}

// add puts a proof for a call into its header; a token is bound by its hash.
func (v *prover) add(header map[string]string, method, address, token string) error {
	if v == nil {
		return nil
	}
	bare, _, _ := strings.Cut(address, "?")
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": bare, "iat": v.now().Unix()}
	if v.nonce != "" {
		claims["nonce"] = v.nonce
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	proof, err := v.signer.SignWithKey("dpop+jwt", claims)
	if err != nil {
		return err
	}
	header["DPoP"] = proof
	return nil
}
