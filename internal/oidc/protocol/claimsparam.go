package protocol

import "parvis/internal/oidc/claim"

// The claims parameter asks for single claims (OpenID Connect Core 1.0, 5.5).
func claims(d *draft) *Error {
	if bad := d.request.ReadClaims(d.params, d.client); bad != nil {
		return refuse(bad.Code, bad.Description)
	}
	return nil
}

// ReadClaims reads the claims parameter, after acr_values.
func (r *Request) ReadClaims(p Params, c Client) *Error {
	raw := p.Get("claims")
	if raw == "" {
		return nil
	}
	asked, err := claim.ReadParameter(raw, c.Scopes, c.Identities)
	if err != nil {
		return direct(InvalidRequest, err.Error())
	}
	r.Want(asked)
	return nil
}

// Want adds what a claims parameter asks for. A class that it names replaces acr_values, and
// becomes a condition where it is essential (OpenID Connect Core 1.0, 5.5.1.1).
func (r *Request) Want(asked claim.Parameter) {
	if len(asked.ACR) == 0 {
		asked.ACR = r.ACR
	}
	r.Parameter = asked
}

// ReadResources reads the resources of a request that does not come by a browser (RFC 8707, 2).
func (r *Request) ReadResources(p Params, c Client) (bad *Error) {
	r.Resources, bad = resourcesOf(p, c.Resources)
	return bad
}

// Unreachable answers a demand that nobody can meet here (OpenID Connect Core Error Code
// unmet_authentication_requirements 1.0).
func Unreachable(where Where) *Error {
	return &Error{Code: UnmetAuthentication, Where: where, Cause: ClassUnknown, Description: "none of the requested acr values can be reached"}
}
