package protocol

import "strings"

// certificateBinding begins what a token is bound to by a certificate, where it would
// otherwise be the thumbprint of a key.
const certificateBinding = "x5t#S256:"

// BoundCertificate is what is kept of a certificate that a token is bound to, in the place of
// the thumbprint of a key.
func BoundCertificate(x5t string) string { return certificateBinding + x5t }

// ByCertificate reports whether something is bound to a certificate, not to a key.
func ByCertificate(binding string) bool { return strings.HasPrefix(binding, certificateBinding) }

// Confirmation is the claim cnf of a token (RFC 7800, 3.1; RFC 9449, 6.1; RFC 8705, 3.1).
func Confirmation(binding string) map[string]any {
	if x5t, ok := strings.CutPrefix(binding, certificateBinding); ok {
		return map[string]any{"x5t#S256": x5t}
	}
	return map[string]any{"jkt": binding}
}

// SchemeOf is how a token is used, and its token_type: DPoP when it is bound to a key, Bearer
// when it is bound to a certificate (RFC 8705, 3) or to nothing.
func SchemeOf(binding string) string {
	if binding == "" || ByCertificate(binding) {
		return SchemeBearer
	}
	return SchemeDPoP
}

// CertificateWanted refuses a request that came without a certificate to bind its tokens to.
func CertificateWanted() *Error {
	return direct(InvalidRequest, "this client must show its certificate: its tokens are bound to it (RFC 8705)").Because(CertificateMissing)
}
