package grant

import (
	"slices"

	"parvis/internal/fault"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
)

// Asked begins the grant of a request that was agreed to, with what it asks for; who agreed,
// and how they signed in, is for the caller. may is the service as it is registered now: fault
// Denied when something that it asks for was taken from it since. everywhere says that it is
// told in the ID token what it is told at userinfo.
func Asked(r *protocol.Request, may protocol.Client, everywhere bool) (Grant, error) {
	if !within(r, may) {
		return Grant{}, fault.New(fault.Denied, "oidc.redirect-gone")
	}
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

// within reports whether a service may ask for what a request asks for.
func within(r *protocol.Request, may protocol.Client) bool {
	beyond := func(all []string) func(string) bool {
		return func(name string) bool { return !slices.Contains(all, name) }
	}
	asked := slices.Concat(r.UserInfo, r.IDToken, r.Verified.UserInfo.Names(), r.Verified.IDToken.Names())
	return !slices.ContainsFunc(r.Scopes, beyond(append([]string{claim.ScopeOpenID}, may.Scopes...))) && len(claim.Covered(asked, may.Scopes)) == len(asked) &&
		!slices.ContainsFunc(r.Resources, beyond(may.Resources)) && may.Knows(r.Details)
}
