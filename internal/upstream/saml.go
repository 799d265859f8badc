package upstream

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"parvis/internal/saml/protocol"
	"parvis/internal/xmlsec"
)

// SAMLSettings are how we speak with a SAML 2.0 identity provider.
type SAMLSettings struct {
	// MetadataURL is where the partner's metadata is; it is fetched again by itself.
	MetadataURL string `yaml:"metadata_url,omitempty" json:"metadata_url,omitempty"`
	// Metadata is the partner's metadata itself, for one that publishes it nowhere. Better: metadata_file.
	Metadata string `yaml:"metadata,omitempty" json:"metadata,omitempty" file:"public"`
	// MetadataFile holds the partner's metadata. It is read at the start.
	MetadataFile string `yaml:"metadata_file,omitempty" json:"-"`
	// MetadataCertificate must have signed the metadata: PEM, one or several. Without it, metadata is believed because of where it comes from.
	MetadataCertificate string `yaml:"metadata_certificate,omitempty" json:"metadata_certificate,omitempty" file:"public"`
	// MetadataCertificateFile holds the certificates that metadata is signed with.
	MetadataCertificateFile string `yaml:"metadata_certificate_file,omitempty" json:"-"`
	// SSOURL is the partner's address for sign-in, for one without any metadata; with certificate_file.
	SSOURL string `yaml:"sso_url,omitempty" json:"sso_url,omitempty"`
	// Certificate is what the partner signs with, without metadata: PEM, one or several.
	Certificate string `yaml:"certificate,omitempty" json:"certificate,omitempty" file:"public"`
	// CertificateFile holds the certificates that the partner signs with.
	CertificateFile string `yaml:"certificate_file,omitempty" json:"-"`

	// EntityID is our name at the partner; the address of our metadata (/partner/<id>/metadata) without it.
	EntityID string `yaml:"entity_id,omitempty" json:"entity_id,omitempty"`
	// Binding is how requests travel: redirect (the default where the partner offers it) or post.
	Binding string `yaml:"binding,omitempty" json:"binding,omitempty"`
	// NameID is the format of the name that the partner has for a person: persistent (the default), unspecified, or the URI of another one that stays the same for good.
	NameID string `yaml:"name_id,omitempty" json:"name_id,omitempty"`
	// AuthnContext are the authentication context classes that are asked for, the preferred one first; an answer with another one is refused.
	AuthnContext []string `yaml:"authn_context,omitempty" json:"authn_context,omitempty"`
	// PrivateKey signs our requests and metadata: an RSA key in PEM (PKCS #8), which its certificate may follow. Without one, the deployment's own signing key does.
	PrivateKey string `yaml:"private_key,omitempty" json:"-" secret:"true" file:"whole"`
	// PrivateKeyFile holds the private key.
	PrivateKeyFile string `yaml:"private_key_file,omitempty" json:"-"`
	// DecryptionKey opens encrypted assertions: RSA in PEM (PKCS #8), each with its certificate after it if it has one; older keys may follow the newest one.
	DecryptionKey string `yaml:"decryption_key,omitempty" json:"-" secret:"true" file:"whole"`
	// DecryptionKeyFile holds the decryption keys.
	DecryptionKeyFile string `yaml:"decryption_key_file,omitempty" json:"-"`
	// Encryption is whether assertions are encrypted for us: on (they must be; the default with a decryption key), offered (both are taken) or off.
	Encryption Use `yaml:"encryption,omitempty" json:"encryption,omitempty"`
	// CBC also takes AES-CBC, inside a signed response only, for partners that cannot do better.
	CBC bool `yaml:"cbc,omitempty" json:"cbc,omitempty"`
	// SignedResponse demands a signature of the whole response. Without it, one of the assertion is enough.
	SignedResponse bool `yaml:"signed_response,omitempty" json:"signed_response,omitempty"`
	// SignedAssertion demands a signature of the assertion. Without it, one of the whole response is enough.
	SignedAssertion bool `yaml:"signed_assertion,omitempty" json:"signed_assertion,omitempty"`
	// IdPInitiated lets a sign-in that the partner begins start one of ours there: what it posted is thrown away unread, and the person goes on to the partner. Without it, a page says that nobody waited.
	IdPInitiated bool `yaml:"idp_initiated,omitempty" json:"idp_initiated,omitempty"`
	// Logout is whether people who sign out here can choose to sign out at the partner, too, and whether it can sign them out here (SAML profiles 4.4): offered (the default: where the partner has an address for it) or off.
	Logout Use `yaml:"logout,omitempty" json:"logout,omitempty"`
	// SLOURL is the partner's address for logout, for one without any metadata. It takes what binding says.
	SLOURL string `yaml:"slo_url,omitempty" json:"slo_url,omitempty"`
	// Probe is whether nodes look if the partner's address for sign-in answers: on (the default) or off, for one that only browsers reach.
	Probe Use `yaml:"probe,omitempty" json:"probe,omitempty"`
}

// SAMLClient is how we and a SAML identity provider speak. Only for providers of SAML.
type SAMLClient struct {
	MetadataURL     string
	MetadataKeys    []crypto.PublicKey         // one of them must have signed the metadata; none: not demanded
	Known           *protocol.IdentityProvider // of metadata or addresses that stand in the settings; nil: fetch it
	EntityID        string                     // ours; "" for the address of our metadata
	Binding         protocol.Binding           // of requests; "" for redirect where it is offered
	NameID          string                     // the format
	Contexts        []string
	Signing         *CertifiedKey // nil: the deployment's
	Decryption      []CertifiedKey
	Encryption      Use
	CBC             bool
	SignedResponse  bool
	SignedAssertion bool
	IdPInitiated    bool // an answer that nobody asked for starts a sign-in there; it is never taken
	Logout          Use  // Offered or Off: whether people sign out there from here, and here from there
	Probe           bool
}

// CertifiedKey is a private key, and the certificate that shows its public part.
type CertifiedKey struct {
	Key         crypto.Signer
	Certificate *x509.Certificate // nil: one has to be made
}

// String keeps the key out of formatted texts.
func (CertifiedKey) String() string { return "(key)" }

// GoString keeps the key out of dumps.
func (CertifiedKey) GoString() string { return "(key)" }

// maxMetadata is the longest metadata that stands in settings, in bytes.
const maxMetadata = 256 << 10

// withDefaults fills in what holds for all.
func (s SAMLSettings) withDefaults() SAMLSettings {
	set(&s.NameID, "persistent")
	set(&s.Probe, On)
	set(&s.Logout, Offered)
	if s.DecryptionKey != "" {
		set(&s.Encryption, On)
	}
	set(&s.Encryption, Off)
	return s
}

// saml checks the settings of a SAML identity provider.
func (c *check) saml(issuer string, s SAMLSettings) SAMLClient {
	if err := protocol.CheckEntityID(issuer); err != nil || len(issuer) > 512 {
		c.add("issuer", "give the entityID of the partner's metadata: a URI of at most 512 characters")
	}
	if err := protocol.CheckEntityID(s.EntityID); s.EntityID != "" && err != nil {
		c.add("saml.entity_id", "%v", err)
	}
	out := SAMLClient{
		MetadataURL: s.MetadataURL, EntityID: s.EntityID, Contexts: s.AuthnContext, Encryption: s.Encryption, CBC: s.CBC,
		SignedResponse: s.SignedResponse, SignedAssertion: s.SignedAssertion, IdPInitiated: s.IdPInitiated, Logout: s.Logout, Probe: s.Probe != Off,
	}
	c.visible("saml.authn_context", s.AuthnContext)
	c.oneOf("saml.logout", string(s.Logout), string(Offered), string(Off))
	c.oneOf("saml.probe", string(s.Probe), string(On), string(Off))
	switch s.Binding {
	case "":
	case "redirect":
		out.Binding = protocol.RedirectBinding
	case "post":
		out.Binding = protocol.PostBinding
	default:
		c.add("saml.binding", "%q is not one of redirect, post", s.Binding)
	}
	out.NameID = c.nameID(s.NameID)
	c.partner(issuer, s, &out)
	c.samlKeys(s, &out)
	return out
}

// nameID wants names that stay: a transient one is new each time, and an address can
// be given to somebody else, whose account it would then open.
func (c *check) nameID(name string) string {
	switch name {
	case "persistent", protocol.FormatPersistent:
		return protocol.FormatPersistent
	case "unspecified", protocol.FormatUnspecified:
		return protocol.FormatUnspecified
	case "transient", protocol.FormatTransient:
		c.add("saml.name_id", "a transient name is another one each time: nobody would be known again; use persistent")
	case "email", "emailAddress", protocol.FormatEmail:
		c.add("saml.name_id", "an e-mail address can be given to another person, who would get into the account; use persistent")
	default:
		if !strings.Contains(name, ":") || !visible.MatchString(name) {
			c.add("saml.name_id", "%.100q is not persistent, unspecified or the URI of a format", name)
		}
	}
	return name
}

// partner checks where the partner's addresses and keys come from: exactly one source.
func (c *check) partner(issuer string, s SAMLSettings, out *SAMLClient) {
	sources := 0
	for _, given := range []bool{s.MetadataURL != "", s.Metadata != "", s.SSOURL != "" || s.Certificate != ""} {
		if given {
			sources++
		}
	}
	if s.SLOURL != "" && s.SSOURL == "" {
		c.add("saml.slo_url", "is for a partner without metadata, beside sso_url; remove it")
	}
	if sources != 1 {
		c.add("saml.metadata_url", "give one of metadata_url, metadata_file, or sso_url with certificate_file")
		return
	}
	if s.MetadataCertificate != "" {
		certificates, err := readCertificates(s.MetadataCertificate)
		switch {
		case err != nil:
			c.add("saml.metadata_certificate_file", "%v", err)
		case s.SSOURL != "":
			c.add("saml.metadata_certificate_file", "there is no metadata to be signed; remove it")
		}
		for _, one := range certificates {
			out.MetadataKeys = append(out.MetadataKeys, one.PublicKey)
		}
	}
	switch {
	case s.MetadataURL != "":
		if err := protocol.CheckLocation(s.MetadataURL); err != nil {
			c.add("saml.metadata_url", "%.200q %v", s.MetadataURL, err)
		}
	case s.Metadata != "":
		if len(s.Metadata) > maxMetadata {
			c.add("saml.metadata_file", "more than %d bytes; give the metadata of this partner only, or metadata_url", maxMetadata)
			return
		}
		known, err := protocol.ReadIdentityProvider([]byte(s.Metadata), protocol.MetadataTrust{EntityID: issuer, Keys: out.MetadataKeys})
		if err != nil {
			c.add("saml.metadata_file", "%v", err)
			return
		}
		out.Known = known
	default:
		out.Known = c.byHand(issuer, s)
	}
}

// byHand is a partner without metadata.
func (c *check) byHand(issuer string, s SAMLSettings) *protocol.IdentityProvider {
	if err := protocol.CheckLocation(s.SSOURL); err != nil {
		c.add("saml.sso_url", "%v", err)
	}
	certificates, err := readCertificates(s.Certificate)
	if err != nil {
		c.add("saml.certificate_file", "%v", err)
	}
	binding := protocol.RedirectBinding
	if s.Binding == "post" {
		binding = protocol.PostBinding
	}
	out := &protocol.IdentityProvider{
		EntityID: issuer, Signing: certificates, SignOn: []protocol.Endpoint{{Binding: binding, Location: s.SSOURL}},
	}
	if s.SLOURL != "" {
		if err := protocol.CheckLocation(s.SLOURL); err != nil {
			c.add("saml.slo_url", "%v", err)
		}
		out.Logout = []protocol.Endpoint{{Binding: binding, Location: s.SLOURL}}
	}
	return out
}

// samlKeys checks our own keys.
func (c *check) samlKeys(s SAMLSettings, out *SAMLClient) {
	if s.PrivateKey != "" {
		keys, err := certifiedKeys(s.PrivateKey)
		if err == nil && len(keys) != 1 {
			err = errors.New("holds more than one key")
		}
		if err != nil {
			c.add("saml.private_key_file", "%v", err)
		} else {
			out.Signing = &keys[0]
		}
	}
	c.oneOf("saml.encryption", string(s.Encryption), string(On), string(Offered), string(Off))
	switch {
	case s.DecryptionKey == "" && s.Encryption != Off:
		c.add("saml.decryption_key_file", "encryption: %s needs a key: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072", s.Encryption)
	case s.DecryptionKey != "" && s.Encryption == Off:
		c.add("saml.encryption", "is off although there is a decryption key; remove one of them")
	case s.DecryptionKey != "":
		keys, err := certifiedKeys(s.DecryptionKey)
		if err != nil {
			c.add("saml.decryption_key_file", "%v", err)
		}
		out.Decryption = keys
	case s.CBC:
		c.add("saml.cbc", "says how encrypted assertions are read, and there is no decryption key")
	}
}

// mostCertificates is how many one party shows for one use.
const mostCertificates = xmlsec.MaxKeys

// readCertificates reads the certificates of a partner in PEM.
func readCertificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a PEM block %q beside certificates", block.Type)
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("holds a certificate that cannot be read")
		}
		if err := xmlsec.CheckKey(one.PublicKey); err != nil {
			return nil, err
		}
		if out = append(out, one); len(out) > mostCertificates {
			return nil, fmt.Errorf("holds more than %d certificates", mostCertificates)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return out, nil
}

// mostKeys is how many keys of ours one partner can need: each is tried.
const mostKeys = 3

// certifiedKeys reads RSA keys in PEM, each of which its certificate may follow.
func certifiedKeys(text string) ([]CertifiedKey, error) {
	var out []CertifiedKey
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			one, err := x509.ParseCertificate(block.Bytes)
			if err != nil || len(out) == 0 || out[len(out)-1].Certificate != nil || !samePublic(one.PublicKey, out[len(out)-1].Key.Public()) {
				return nil, errors.New("holds a certificate that does not follow the key it belongs to")
			}
			out[len(out)-1].Certificate = one
			continue
		}
		keys, err := privateKeys(string(pem.EncodeToMemory(block)))
		if err != nil {
			return nil, err
		}
		if _, ok := keys[0].(*rsa.PrivateKey); !ok {
			return nil, fmt.Errorf("holds a key of type %T; SAML partners read RSA keys: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072", keys[0])
		}
		if err := xmlsec.CheckKey(keys[0].Public()); err != nil {
			return nil, err
		}
		if out = append(out, CertifiedKey{Key: keys[0]}); len(out) > mostKeys {
			return nil, fmt.Errorf("holds more than %d keys", mostKeys)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("holds no private key in PEM (PKCS #8), as openssl genpkey writes it")
	}
	return out, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	der := func(key crypto.PublicKey) []byte {
		raw, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil
		}
		return raw
	}
	return bytes.Equal(der(a), der(b)) && der(a) != nil
}
