package ciba

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// The limits of what a service asks.
const (
	maxBinding   = 100  // characters of a binding message
	maxExpiry    = 1e9  // seconds, of what is read of requested_expiry; the settings say less
	maxScope     = 2048 // bytes
	maxACR       = 1024 // bytes
	maxValues    = 20   // of acr_values
	maxLoginHint = 254  // bytes: an address
	maxHintToken = 8192 // bytes
)

// wanted is what a service asks somebody to confirm (CIBA, 7.1).
type wanted struct {
	protocol.Request // Hint or LoginHint says whom

	Message string        // binding_message
	Expiry  time.Duration // requested_expiry; 0: it does not say
}

func refusal(code protocol.Code, description string) *protocol.Error {
	return &protocol.Error{Code: code, Description: description, Where: protocol.Direct}
}

// readRequest reads what a service asks (CIBA, 7.1): exactly one hint, openid among the
// scopes, and nothing that is not supported. Scopes that are unknown, or not registered for
// the client, are ignored. Beside the parameters of CIBA there are resource (RFC 8707) and
// claims (OpenID Connect Core 1.0, 5.5).
func readRequest(p protocol.Params, party *relyingparty.RelyingParty, issuer string) (*wanted, *protocol.Error) {
	out := &wanted{Request: protocol.Request{ClientID: string(party.ID), Identities: party.Identities}}
	for _, rule := range []func(*wanted, protocol.Params, *relyingparty.RelyingParty) *protocol.Error{asksWhat, asksWhom, asksHow} {
		if bad := rule(out, p, party); bad != nil {
			return nil, bad
		}
	}
	of := party.AsClient(issuer)
	if bad := out.ReadResources(p, of); bad != nil {
		return nil, bad
	}
	if bad := out.ReadClaims(p, of); bad != nil {
		return nil, bad
	}
	return out, nil
}

// asksWhat reads scope and acr_values.
func asksWhat(out *wanted, p protocol.Params, party *relyingparty.RelyingParty) *protocol.Error {
	scope, acr := p.Get("scope"), p.Get("acr_values")
	out.ACR = split(acr)
	switch {
	case p.Repeated():
		return refusal(protocol.InvalidRequest, "a parameter was sent twice")
	case p.Get("client_id") != "" && p.Get("client_id") != out.ClientID:
		return refusal(protocol.InvalidRequest, "client_id differs from who authenticated")
	case p.Get("authorization_details") != "": // RFC 9396, 5: not to be ignored, and nobody would read them
		return refusal(protocol.InvalidDetails, "authorization_details cannot be asked for here")
	case scope == "":
		return refusal(protocol.InvalidRequest, "scope is missing")
	case len(scope) > maxScope:
		return refusal(protocol.InvalidScope, "scope is too long")
	case len(acr) > maxACR || len(out.ACR) > maxValues:
		return refusal(protocol.InvalidRequest, "acr_values is too long")
	}
	for _, s := range split(scope) {
		if slices.Contains(claim.Scopes, s) && (s == claim.ScopeOpenID || slices.Contains(party.MayAsk(), s)) {
			out.Scopes = append(out.Scopes, s)
		}
	}
	if !slices.Contains(out.Scopes, claim.ScopeOpenID) {
		return refusal(protocol.InvalidScope, "scope must contain openid")
	}
	return nil
}

// asksWhom takes exactly one hint.
func asksWhom(out *wanted, p protocol.Params, _ *relyingparty.RelyingParty) *protocol.Error {
	out.Hint, out.LoginHint = p.Get("id_token_hint"), p.Get("login_hint")
	switch {
	case p.Get("login_hint_token") != "":
		return refusal(protocol.InvalidRequest, "login_hint_token is not supported; send login_hint or id_token_hint")
	case (out.Hint == "") == (out.LoginHint == ""):
		return refusal(protocol.InvalidRequest, "send exactly one of login_hint and id_token_hint")
	case len(out.Hint) > maxHintToken:
		return refusal(protocol.InvalidRequest, "id_token_hint is too long")
	case len(out.LoginHint) > maxLoginHint:
		return protocol.PersonUnknown()
	}
	return nil
}

// asksHow reads what is shown, and for how long. A service of the high-security profile shows
// something by which its person knows the request again (FAPI-CIBA, 5.2.2-2).
func asksHow(out *wanted, p protocol.Params, party *relyingparty.RelyingParty) *protocol.Error {
	out.Message = p.Get("binding_message")
	switch {
	case out.Message == "" && party.FAPI():
		return refusal(protocol.InvalidBindingMessage, "binding_message is missing, which profile: fapi2 needs")
	case !plainMessage(out.Message):
		return refusal(protocol.InvalidBindingMessage, "binding_message must be at most 100 printable characters, in one line, without spaces at its ends")
	}
	if text := p.Get("requested_expiry"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > maxExpiry {
			return refusal(protocol.InvalidRequest, "requested_expiry must be a positive number of seconds")
		}
		out.Expiry = time.Duration(n) * time.Second
	}
	return nil
}

// plainMessage reports whether a text can be shown to a person as it is: nothing that is
// unseen, turns the direction of writing, or is a link with its scheme. What mail programs make
// a link of all the same is left out of the mail (notice.Confirmation).
func plainMessage(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxBinding || text != strings.TrimSpace(text) || strings.Contains(text, "://") {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}

// split cuts a space-separated list and drops repetitions, keeping the order.
func split(list string) []string {
	var out []string
	seen := map[string]bool{}
	for word := range strings.SplitSeq(list, " ") {
		if word != "" && !seen[word] {
			seen[word] = true
			out = append(out, word)
		}
	}
	return out
}
