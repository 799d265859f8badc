package registration

import (
	"slices"
	"strings"

	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// grants leaves the grant types that the token gives. One that there is and that the token
// does not give is refused, for the service could not work; others are left out (RFC 7591,
// 2), and refresh_token as well, which libraries name out of habit. Response types go with
// authorization_code alone (RFC 7591, 2.1).
func (m *metadata) grants(t registrar.Terms) *protocol.Error {
	allowed := t.GrantTypes()
	for i, g := range m.GrantTypes {
		if g != protocol.GrantRefreshToken && slices.Contains(protocol.GrantTypes, g) && !slices.Contains(allowed, g) {
			return bad(at("grant_types", i), "is not allowed by the initial access token, which allows "+listed(allowed))
		}
	}
	m.GrantTypes = known(m.GrantTypes, allowed)
	byCode := m.grantsTo(protocol.GrantAuthorizationCode)
	switch {
	case len(m.GrantTypes) == 0:
		return bad("grant_types", "must contain one that the initial access token allows: "+listed(allowed))
	case byCode:
		m.ResponseTypes = []string{"code"}
	case len(m.ResponseTypes) > 0:
		return bad("response_types", "goes with the grant type authorization_code, which is not asked for")
	}
	return nil
}

// listed are values that an initial access token allows.
func listed(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return explained("", strings.Join(values, ", "))
}

// grantsTo reports whether the service registers for a grant type.
func (m *metadata) grantsTo(grantType string) bool { return slices.Contains(m.GrantTypes, grantType) }

// ciba puts in what a service left out that asks people to confirm (CIBA, 4). Members for it
// mean nothing without the grant type, and there are no user codes.
func (m *metadata) ciba() *protocol.Error {
	if m.UserCode != nil && *m.UserCode {
		return bad("backchannel_user_code_parameter", "may be false only: see backchannel_user_code_parameter_supported")
	}
	if m.grantsTo(protocol.GrantCIBA) {
		if m.DeliveryMode == "" {
			m.DeliveryMode = protocol.ModePoll
		}
		m.UserCode = new(bool)
		return nil
	}
	m.UserCode = nil
	for member, value := range map[string]string{
		"backchannel_token_delivery_mode": m.DeliveryMode, "backchannel_client_notification_endpoint": m.NotificationURI,
		"backchannel_authentication_request_signing_alg": m.BackchannelAlg,
	} {
		if value != "" {
			return bad(member, "needs the grant type "+protocol.GrantCIBA)
		}
	}
	return nil
}

func (m *metadata) cibaSettings() relyingparty.CIBASettings {
	return relyingparty.CIBASettings{DeliveryMode: m.DeliveryMode, NotificationEndpoint: m.NotificationURI, BackchannelRequestAlg: m.BackchannelAlg}
}

// scopes leaves the scopes that the token gives: those about people for grant types with a
// person, and its own ones for client_credentials.
func (m *metadata) scopes(t registrar.Terms) {
	var people, own []string
	if registrar.WithPeople(m.GrantTypes) {
		people = t.Scopes
	}
	if m.grantsTo(protocol.GrantClientCredentials) {
		own = t.OwnScopes
	}
	asked := strings.Fields(m.Scope)
	if len(asked) == 0 {
		asked = slices.Concat(people, own)
	}
	// Refresh tokens and the scope that they are asked for by come together (OpenID Connect Core 1.0, 11).
	scopes := slices.DeleteFunc(known(asked, people), func(s string) bool { return s == claim.ScopeOffline })
	if m.grantsTo(protocol.GrantRefreshToken) {
		scopes = append(scopes, claim.ScopeOffline)
	}
	if registrar.WithPeople(m.GrantTypes) && !slices.Contains(scopes, claim.ScopeOpenID) {
		scopes = append([]string{claim.ScopeOpenID}, scopes...)
	}
	m.Scope = strings.Join(append(scopes, known(asked, own)...), " ")
}

// divided are the scopes about people, and those of the service's own.
func (m *metadata) divided() (people, own []string) {
	for scope := range strings.FieldsSeq(m.Scope) {
		if slices.Contains(claim.Scopes, scope) {
			people = append(people, scope)
		} else {
			own = append(own, scope)
		}
	}
	return people, own
}

// details refuses a type of authorization_details that the token does not give (RFC 9396, 10).
func (m *metadata) details(t registrar.Terms) *protocol.Error {
	var types []string
	for _, d := range t.DetailTypes {
		types = append(types, d.Type)
	}
	given := known(m.DetailTypes, types)
	for i, name := range m.DetailTypes {
		if !slices.Contains(given, name) {
			return bad(at("authorization_details_types", i), "is not allowed by the initial access token, which allows "+listed(types))
		}
	}
	m.DetailTypes = given
	return nil
}

// worded are the types of authorization_details with the words of the token.
func (m *metadata) worded(t registrar.Terms) []relyingparty.DetailType {
	var out []relyingparty.DetailType
	for _, d := range t.DetailTypes {
		if slices.Contains(m.DetailTypes, d.Type) {
			out = append(out, d)
		}
	}
	return out
}

// direct reports that the service is given subjects without a redirect address of it.
func (m *metadata) direct() bool {
	return m.grantsTo(protocol.GrantDeviceCode) || m.grantsTo(protocol.GrantCIBA)
}

// byKeys reports that the service shows who it is by the keys behind its jwks_uri.
func (m *metadata) byKeys() bool {
	return m.JWKSURI != "" && (m.AuthMethod == string(relyingparty.AuthPrivateKeyJWT) || m.AuthMethod == string(relyingparty.AuthSelfSigned))
}
