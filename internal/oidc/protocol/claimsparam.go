package protocol

import "parvis/internal/oidc/claim"

// The claims parameter asks for single claims (OpenID Connect Core 1.0, 5.5). A class that it
// names replaces acr_values, and becomes a condition where it is essential (5.5.1.1).
func claims(d *draft) *Error {
	raw := d.params.Get("claims")
	if raw == "" {
		return nil
	}
	asked, err := claim.ReadParameter(raw, d.client.Scopes, d.client.Identities)
	if err != nil {
		return refuse(InvalidRequest, err.Error())
	}
	d.request.UserInfo, d.request.IDToken, d.request.Subject = asked.UserInfo, asked.IDToken, asked.Subject
	d.request.Verified = asked.Verified
	if len(asked.ACR) > 0 {
		d.request.ACR, d.request.EssentialACR = asked.ACR, asked.EssentialACR
	}
	return nil
}
