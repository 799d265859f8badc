package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parvis/internal/jose"
	"parvis/internal/upstream"
)

// examination collects findings.
type examination struct {
	p   *upstream.Provider
	m   *metadata
	out []upstream.Finding
}

func (e *examination) wrong(format string, args ...any) {
	e.out = append(e.out, upstream.Finding{Wrong: true, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) note(format string, args ...any) {
	e.out = append(e.out, upstream.Finding{Text: fmt.Sprintf(format, args...)})
}

// Examine fetches metadata and keys and compares them with the settings.
func (c *Consumer) Examine(ctx context.Context, p *upstream.Provider) []upstream.Finding {
	e := &examination{p: p}
	m, err := c.fetchMetadata(ctx, p)
	if err != nil {
		e.wrong("%s", reason(err))
		return e.out
	}
	e.m = m
	if set, err := c.askKeys(ctx, p, m.Keys); err != nil {
		e.wrong("%s", reason(err))
	} else {
		e.note("keys: %d usable for signatures at %s", set.Len(), m.Keys)
	}
	if err := c.Probe(ctx, p, true); err != nil {
		e.wrong("%s", reason(err))
	}
	if _, err := c.assertionIfUsed(p); err != nil {
		e.wrong("private_key_jwt: %v", err)
	}
	e.algorithms()
	e.methods()
	e.options()
	e.asked()
	if m.EndSession != "" && p.Client.Logout != upstream.Off {
		e.note("signing out there, too, is offered; the provider must know the post_logout_redirect_uri %s", c.base()+upstream.SignedOutPath(p.ID))
	}
	return e.out
}

// reason is the text of an error for the operator.
func reason(err error) string {
	if e, ok := errors.AsType[*upstream.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

func (c *Consumer) assertionIfUsed(p *upstream.Provider) (string, error) {
	if p.Client.Auth != upstream.AuthPrivateKeyJWT {
		return "", nil
	}
	return c.assertion(p)
}

func (e *examination) algorithms() {
	offered := e.m.IDTokenAlgorithms
	if len(offered) == 0 {
		offered = []string{"RS256"} // what must always be there (OpenID Connect Discovery 1.0, 3)
	}
	if !slices.ContainsFunc(e.p.Client.Algorithms, func(a jose.Algorithm) bool { return slices.Contains(offered, string(a)) }) {
		e.wrong("oidc.id_token_algs: the provider signs ID tokens with %s only; we accept %v", list(offered), e.p.Client.Algorithms)
	}
}

func (e *examination) methods() {
	offered := e.m.AuthMethods
	if len(offered) == 0 {
		offered = []string{upstream.AuthBasic} // the default (OpenID Connect Discovery 1.0, 3)
	}
	if !slices.Contains(offered, e.p.Client.Auth) {
		e.wrong("oidc.auth: %s is not among the methods of the provider: %s", e.p.Client.Auth, list(offered))
	}
	modes := e.m.ResponseModes
	if len(modes) > 0 && !slices.Contains(modes, e.p.Client.ResponseMode) {
		e.wrong("oidc.response_mode: %s is not among the modes of the provider: %s", e.p.Client.ResponseMode, list(modes))
	}
}

func (e *examination) options() {
	if !slices.Contains(e.m.ChallengeMethods, "S256") {
		e.note("the provider does not say that it checks PKCE (code_challenge_methods_supported lacks S256); it is sent all the same")
	}
	switch {
	case e.m.PushedAuthorization == "" && e.p.Client.PAR == upstream.On:
		e.wrong("oidc.par is on, and the provider offers no pushed authorization requests")
	case e.m.RequirePushed && e.m.PushedAuthorization == "":
		e.wrong("the provider demands pushed authorization requests and names no endpoint for them")
	case e.m.RequirePushed && e.p.Client.PAR == upstream.Off:
		e.note("oidc.par is off, but the provider demands pushed authorization requests: they are used")
	}
	switch {
	case e.p.Client.DPoP == upstream.On && !slices.Contains(e.m.DPoPAlgorithms, string(jose.ES256)):
		e.wrong("oidc.dpop is on, and the provider does not offer DPoP with ES256: %s", list(e.m.DPoPAlgorithms))
	case e.p.Client.DPoP == upstream.Offered && slices.Contains(e.m.DPoPAlgorithms, string(jose.ES256)):
		e.note("tokens are bound to a key (DPoP)")
	}
	if e.p.Client.UserInfo && e.m.UserInfo == "" {
		e.wrong("oidc.userinfo is on, and the provider has no such endpoint")
	}
	if !e.m.SendsIss {
		if e.p.Client.RequireIss {
			e.note("the provider does not promise iss in its answers (RFC 9207), and oidc.require_iss demands it: try a sign-in")
		} else {
			e.note("the provider does not promise iss in its answers (RFC 9207); its own callback address keeps providers apart")
		}
	}
}

func (e *examination) asked() {
	if len(e.m.ACRValues) > 0 {
		for _, value := range e.p.Client.ACRValues {
			if !slices.Contains(e.m.ACRValues, value) {
				e.wrong("oidc.acr_values: %q is not among those of the provider: %s", value, list(e.m.ACRValues))
			}
		}
		for value := range e.p.Worth.ACR {
			if !slices.Contains(e.m.ACRValues, value) {
				e.note("worth.acr: %q is not among the values of the provider: %s", value, list(e.m.ACRValues))
			}
		}
	}
	if len(e.p.Client.Claims) > 0 && !e.m.ClaimsParameter {
		e.note("oidc.claims: the provider does not say that it understands the claims parameter")
	}
	for _, scope := range e.p.Client.Scopes {
		if len(e.m.Scopes) > 0 && !slices.Contains(e.m.Scopes, scope) {
			e.wrong("oidc.scopes: %q is not among those of the provider: %s", scope, list(e.m.Scopes))
		}
	}
	if len(e.p.Client.Scopes) > 1 {
		e.note("oidc.scopes: more than openid is asked for; people may be asked to share what nobody reads here")
	}
}

// list is a provider's list, cut to what a line can hold.
func list(values []string) string {
	text := strings.Join(values, ", ")
	if text == "" {
		return "(none)"
	}
	return fmt.Sprintf("%.300s", text)
}
