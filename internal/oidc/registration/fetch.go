package registration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
)

// maxListed is how many addresses a sector may list.
const maxListed = 1000

// proveSector asks the host of a sector which addresses are of it: each redirect address
// must be (OpenID Connect Dynamic Client Registration 1.0, 5). Who is given subjects without a
// redirect address, as by a device, shows that it is of the sector by the keys behind its
// jwks_uri, which is listed then, too (CIBA, 4).
func (e *Endpoint) proveSector(ctx context.Context, m metadata) error {
	if m.SectorURI == "" {
		return nil
	}
	byAddress := m.grantsTo(protocol.GrantAuthorizationCode)
	if (m.direct() || !byAddress) && !m.byKeys() {
		return bad("sector_identifier_uri", "needs jwks_uri, and private_key_jwt or self_signed_tls_client_auth, with these grant types")
	}
	raw, err := e.fetch(ctx, m.SectorURI, "application/json")
	if err != nil {
		return bad("sector_identifier_uri", "cannot be fetched").Because(protocol.Cause(err.Error()))
	}
	listed, ok := addresses(raw)
	if !ok {
		return bad("sector_identifier_uri", "must answer a JSON array of addresses")
	}
	for i, uri := range m.RedirectURIs {
		if !slices.Contains(listed, uri) {
			return bad("sector_identifier_uri", "must list every one of redirect_uris, and does not list "+at("redirect_uris", i))
		}
	}
	if (m.direct() || !byAddress) && !slices.Contains(listed, m.JWKSURI) {
		return bad("sector_identifier_uri", "must list jwks_uri")
	}
	return nil
}

// addresses reads the document of a sector.
func addresses(raw []byte) ([]string, bool) {
	var out []string
	if err := json.Unmarshal(raw, &out); err != nil || out == nil || len(out) > maxListed {
		return nil, false
	}
	return out, true
}

// logo fetches the logo once, so that no page of ours calls the service. One that cannot be
// had, or is no small PNG, is left out of what is registered.
func (e *Endpoint) logo(ctx context.Context, m *metadata) string {
	uri := m.one("logo_uri")
	if uri == "" {
		return ""
	}
	raw, err := e.fetch(ctx, uri, "image/png")
	if err == nil && (len(raw) > relyingparty.MaxLogo || !bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n"))) {
		err = errors.New("registration: the logo is no PNG of 20 kB at most")
	}
	if err != nil {
		slog.InfoContext(ctx, "a logo is not taken", "error", err.Error())
		delete(m.texts, "logo_uri")
		return ""
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(raw)
}

func (e *Endpoint) fetch(ctx context.Context, uri, kind string) ([]byte, error) {
	answer, err := e.Outbound.Registered().Do(ctx, outbound.Request{Method: "GET", URL: uri, Header: map[string]string{"Accept": kind}})
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // an *outbound.Error, which says what it is
	}
	return answer.Body, nil
}

// ours are claims of a software statement that are not about the service (RFC 7519, 4.1).
var ours = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// never are members that a statement cannot say: they belong to one registration.
var never = slices.Concat(assigned, []string{"client_id", "client_secret", "software_statement"})

// stated reads metadata, in which what a software statement says wins (RFC 7591, 2.3).
func (e *Endpoint) stated(ctx context.Context, raw []byte) (metadata, error) {
	m, refusal := parse(raw)
	switch {
	case refusal != nil:
		return m, refusal
	case m.SoftwareStatement == "" && e.Settings.RequireStatement:
		return m, bad("software_statement", "is required")
	case m.SoftwareStatement == "":
		return m, nil
	}
	claims, err := e.statement(ctx, m.SoftwareStatement)
	if err != nil {
		return m, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return m, bad("the body", "must be a JSON object")
	}
	for name := range claims {
		if slices.Contains(ours, name) || slices.Contains(never, name) {
			continue
		}
		base, _, _ := strings.Cut(name, "#")
		for other := range all { // a name that is stated in one language is stated in all
			if of, _, _ := strings.Cut(other, "#"); of == base && slices.Contains(human, base) {
				delete(all, other)
			}
		}
	}
	for name, value := range claims {
		if slices.Contains(ours, name) || slices.Contains(never, name) {
			continue
		}
		all[name] = value
	}
	whole, err := json.Marshal(all)
	if err != nil {
		return m, bad("the body", "must be a JSON object")
	}
	if m, refusal = parse(whole); refusal != nil {
		return m, refusal
	}
	return m, nil
}

func statementError(code protocol.Code, description string) *protocol.Error {
	return &protocol.Error{Code: code, Description: description, Where: protocol.Direct}
}

// statement verifies a software statement: of an issuer that the operator lists, signed with
// its keys, and not expired.
func (e *Endpoint) statement(ctx context.Context, token string) (map[string]json.RawMessage, error) {
	malformed := statementError(protocol.InvalidStatement, "the software statement is no signed JWT of its issuer, or has expired")
	issuer, ok := claimedIssuer(token)
	if !ok {
		return nil, malformed
	}
	keys, listed := e.Settings.StatementIssuers[issuer]
	if !listed {
		return nil, statementError(protocol.UnapprovedStatement, "the issuer of the software statement is not taken here")
	}
	payload, _, err := e.Keys.Verify(ctx, &relyingparty.RelyingParty{ID: id.RelyingParty("software-statement " + issuer), JWKSURI: keys}, token, jose.Algorithms()...)
	if fault.Is(err, fault.Unavailable) {
		return nil, err //nolint:wrapcheck // it says when to come again
	}
	if err != nil {
		return nil, malformed
	}
	var times struct {
		Issuer  string  `json:"iss"`
		Expires float64 `json:"exp"`
		Before  float64 `json:"nbf"`
	}
	now := float64(e.Now().Unix())
	if err := jose.Exact(payload, &times); err != nil || times.Issuer != issuer || times.Expires != 0 && now >= times.Expires || times.Before > now+60 {
		return nil, malformed
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, malformed
	}
	return all, nil
}

// claimedIssuer is whom a token says it is from, before anything of it is verified: it only
// tells whose keys to ask.
func claimedIssuer(token string) (string, bool) {
	if len(token) > jose.MaxToken {
		return "", false
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := jose.Exact(raw, &claims); err != nil || claims.Issuer == "" {
		return "", false
	}
	return claims.Issuer, true
}
