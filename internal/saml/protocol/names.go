package protocol

// The namespaces of SAML 2.0 (core 1.2; metadata 1.1).
const (
	assertionSpace = "urn:oasis:names:tc:SAML:2.0:assertion"
	protocolSpace  = "urn:oasis:names:tc:SAML:2.0:protocol"
	metadataSpace  = "urn:oasis:names:tc:SAML:2.0:metadata"
	xmlSpace       = "http://www.w3.org/XML/1998/namespace"
)

// Binding is how a message travels (bindings 3.4.1 and 3.5.1).
type Binding string

// The bindings there are.
const (
	RedirectBinding Binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	PostBinding     Binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// Formats of name identifiers (core 8.3).
const (
	FormatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	FormatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	FormatEntity      = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
	FormatPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	FormatTransient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

const (
	version = "2.0"
	bearer  = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // an identifier (profiles 3.3), no credential
	deflate = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
)

// The longest values in bytes: of an entity identifier (core 8.3.6), of a
// persistent name identifier (core 8.3.7) and of any other one, of an ID, of a
// relay state (bindings 3.4.3 and 3.5.3), of an address.
const (
	maxEntityID   = 1024
	maxPersistent = 256
	maxNameID     = 1024
	maxID         = 256
	MaxRelayState = 80
	maxLocation   = 2048
)
