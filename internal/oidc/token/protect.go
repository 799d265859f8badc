package token

import (
	"context"
	"fmt"
	"net/http"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// protector signs with one algorithm, and encrypts for a service where it wants that. Ask
// before anything is used up: the keys of the service may be out of reach.
func (e *Endpoint) protector(ctx context.Context, party *relyingparty.RelyingParty, alg jose.Algorithm, how relyingparty.Secrecy) (jose.Protector, error) {
	var out jose.Protector
	var err error
	if alg != "" {
		if out.Signer, err = e.Keyring.Signer(alg); err != nil {
			return out, fmt.Errorf("token: %w", err)
		}
	}
	if out.Encrypter, err = e.Door.Partners.Encrypter(ctx, party, how); err != nil {
		return out, fmt.Errorf("token: %w", err)
	}
	return out, nil
}

// idTokens protects ID tokens for a service.
func (e *Endpoint) idTokens(ctx context.Context, party *relyingparty.RelyingParty) (jose.Protector, error) {
	return e.protector(ctx, party, jose.Algorithm(party.IDTokenAlg), party.IDTokenSecrecy)
}

// told answers with claims about the person as a service wants them: in JSON, in a signed or
// encrypted JWT, or in a JWT that is both (OpenID Connect Core 1.0, 5.3.2).
func (e *Endpoint) told(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, claims map[string]any) (done bool, err error) {
	if party.UserInfoAlg == "" && party.UserInfoSecrecy.Key == "" {
		return false, nil
	}
	protect, err := e.protector(r.Context(), party, party.UserInfoAlg, party.UserInfoSecrecy)
	if err != nil {
		return true, err
	}
	claims["iss"], claims["aud"] = e.Issuer, string(party.ID)
	token, err := protect.Protect("JWT", claims)
	if err != nil {
		return true, fmt.Errorf("token: userinfo: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwt")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write([]byte(token)); err != nil { //nolint:gosec // a JWT, and no page
		return true, nil //nolint:nilerr // the client has gone
	}
	return true, nil
}

// supported tells in discovery what can be asked for.
func supported(m *protocol.Metadata) {
	var algs, keys, contents []string
	for _, a := range jose.Algorithms() {
		algs = append(algs, string(a))
	}
	for _, a := range jose.KeyAlgorithms() {
		keys = append(keys, string(a))
	}
	for _, a := range jose.ContentAlgorithms() {
		contents = append(contents, string(a))
	}
	m.IDTokenAlgs, m.UserInfoAlgs, m.AnswerAlgs, m.IntrospectionSigned = algs, algs, algs, algs
	m.IDTokenKeyAlgs, m.UserInfoKeyAlgs, m.AnswerKeyAlgs, m.IntrospectionKeyAlgs = keys, keys, keys, keys
	m.IDTokenContentAlgs, m.UserInfoContentAlgs, m.AnswerContentAlgs, m.IntrospectionEncs = contents, contents, contents, contents
}
