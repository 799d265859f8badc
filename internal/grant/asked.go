package grant

import (
	"slices"

	"parvis/internal/oidc/protocol"
)

// Asked begins the grant of a request that was agreed to, with what it asks for; who agreed,
// and how they signed in, is for the caller. everywhere says that the service is told in the
// ID token what it is told at userinfo.
func Asked(r *protocol.Request, everywhere bool) (Grant, error) {
	out := Grant{
		Scopes: r.Scopes, UserInfoClaims: r.Claims(), IDTokenClaims: r.IDToken, Nonce: r.Nonce, Resources: r.Resources, Details: r.Details,
	}
	values := r.Values
	if everywhere {
		out.IDTokenClaims = slices.Concat(out.UserInfoClaims, r.IDToken)
		values = values.Everywhere(r.IDToken)
	}
	var err error
	if out.Verified, err = r.Verified.Text(); err != nil {
		return out, err //nolint:wrapcheck // wrapped there
	}
	out.Values, err = values.Text()
	return out, err //nolint:wrapcheck // wrapped there
}
