package protocol

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/xmlsec"
)

// maxCertificates is how many certificates one partner may publish for one use.
const maxCertificates = xmlsec.MaxKeys

// Endpoint is an address of a party and how messages come to it (metadata 2.2.2).
type Endpoint struct {
	Binding          Binding
	Location         string
	ResponseLocation string // for answers, where it differs
}

// Answers is the address for answers.
func (e Endpoint) Answers() string {
	if e.ResponseLocation != "" {
		return e.ResponseLocation
	}
	return e.Location
}

// IdentityProvider is what a partner's metadata says of it.
type IdentityProvider struct {
	EntityID       string
	ValidUntil     time.Time     // the metadata may not be used afterwards; zero: it does not say
	CacheDuration  time.Duration // how long until it should be fetched again; 0: it does not say
	RequestsSigned bool          // it wants requests to be signed
	Signing        []*x509.Certificate
	Encryption     []*x509.Certificate
	SignOn         []Endpoint
	Logout         []Endpoint // none: it has no single logout
	NameIDFormats  []string
}

// MetadataTrust says which metadata is believed.
type MetadataTrust struct {
	EntityID string // whose; of a file of several parties, the one that is read
	Now      time.Time
	// Keys are those that the file must be signed with. Without any the file is
	// believed as it is: somebody who may register partners brought it.
	Keys []crypto.PublicKey
}

// ReadIdentityProvider reads the metadata of one identity provider, which stands by
// itself or among others (metadata 2.3.1, 2.3.2 and 2.4.3).
func ReadIdentityProvider(raw []byte, trust MetadataTrust) (*IdentityProvider, error) {
	root, err := xmlsec.Read(raw, xmlsec.MetadataLimits())
	if err != nil {
		return nil, ofXML("the metadata", err)
	}
	if len(trust.Keys) > 0 {
		if root, err = xmlsec.Verify(root, trust.Keys); err != nil {
			return nil, ofXML("the metadata", err)
		}
	}
	idp := &IdentityProvider{}
	entity, err := findEntity(root, trust, idp)
	if err != nil {
		return nil, err
	}
	role, err := findRole(entity, "IDPSSODescriptor")
	if err != nil {
		return nil, err
	}
	if err := idp.restrict(role, trust.Now); err != nil {
		return nil, err
	}
	if idp.RequestsSigned, err = readBool(role, "WantAuthnRequestsSigned"); err != nil {
		return nil, err
	}
	if err := idp.read(role); err != nil {
		return nil, err
	}
	switch {
	case len(idp.SignOn) == 0:
		return nil, refuse(UnusableAddresses, "no address for sign-in by redirect or form")
	case len(idp.Signing) == 0:
		return nil, refuse(UnusableKeys, "no certificate for signatures with a key that is used")
	}
	return idp, nil
}

// findEntity finds the one descriptor of the entity, and takes the ends of
// validity on the way to it: the first of them counts (metadata 2.3.1 and 2.3.2).
func findEntity(root *xmlsec.Element, trust MetadataTrust, idp *IdentityProvider) (*xmlsec.Element, error) {
	var found []*xmlsec.Element
	var others []string
	root.Walk(func(e *xmlsec.Element) {
		if !e.Is(metadataSpace, "EntityDescriptor") {
			return
		}
		for at := e.Parent(); at != nil; at = at.Parent() {
			if !at.Is(metadataSpace, "EntitiesDescriptor") {
				return // in an extension or anywhere else
			}
		}
		if id, _ := e.Attr("entityID"); trust.EntityID != "" && id != trust.EntityID {
			others = append(others, id)
			return
		}
		found = append(found, e)
	})
	switch {
	case len(found) == 0 && len(others) == 1:
		return nil, refuse(UnknownPartner, fmt.Sprintf("it describes the entity %.200q; issuer says %.200q, and must be the same character by character", others[0], trust.EntityID))
	case len(found) == 0:
		return nil, refuse(UnknownPartner, fmt.Sprintf("it describes %d entities, and none is %.200q, which issuer says", len(others), trust.EntityID))
	case len(found) > 1, trust.EntityID == "" && found[0] != root:
		return nil, refuse(UnknownPartner, "not exactly one description of the entity")
	}
	idp.EntityID, _ = found[0].Attr("entityID")
	if err := CheckEntityID(idp.EntityID); err != nil {
		return nil, refuse(UnknownPartner, "an entity identifier that is no URI")
	}
	for at := found[0]; at != nil; at = at.Parent() {
		if err := idp.restrict(at, trust.Now); err != nil {
			return nil, err
		}
	}
	return found[0], nil
}

// restrict takes validUntil and cacheDuration of an element around the role or of
// the role; the shortest count. What has expired is refused.
func (idp *IdentityProvider) restrict(e *xmlsec.Element, now time.Time) error {
	until, err := readTime(e, "validUntil")
	if err != nil {
		return err
	}
	if !until.IsZero() && !now.Before(until) {
		return refuse(Expired, "the metadata has expired")
	}
	if !until.IsZero() && (idp.ValidUntil.IsZero() || until.Before(idp.ValidUntil)) {
		idp.ValidUntil = until
	}
	text, ok := e.Attr("cacheDuration")
	if !ok {
		return nil
	}
	duration, err := readDuration(text)
	if err != nil {
		return err
	}
	if duration > 0 && (idp.CacheDuration == 0 || duration < idp.CacheDuration) {
		idp.CacheDuration = duration
	}
	return nil
}

// findRole finds the one role of this name that speaks SAML 2.0 (metadata 2.4.1).
func findRole(entity *xmlsec.Element, name string) (*xmlsec.Element, error) {
	var found *xmlsec.Element
	for _, child := range entity.Elements() {
		protocols, _ := child.Attr("protocolSupportEnumeration")
		if !child.Is(metadataSpace, name) || !slices.Contains(strings.Fields(protocols), protocolSpace) {
			continue
		}
		if found != nil {
			return nil, refuse(UnknownPartner, "the role stands there twice")
		}
		found = child
	}
	if found == nil {
		return nil, refuse(UnknownPartner, "the entity does not have the role")
	}
	return found, nil
}

// read reads keys, addresses and formats of the role. Other elements are not ours.
func (idp *IdentityProvider) read(role *xmlsec.Element) error {
	for _, child := range role.Elements() {
		var err error
		switch {
		case child.Is(metadataSpace, "KeyDescriptor"):
			err = idp.readKey(child)
		case child.Is(metadataSpace, "SingleSignOnService"):
			idp.SignOn, err = readEndpoint(child, idp.SignOn)
		case child.Is(metadataSpace, "SingleLogoutService"):
			idp.Logout, err = readEndpoint(child, idp.Logout)
		case child.Is(metadataSpace, "NameIDFormat"):
			var format string
			format, err = readURI(child)
			idp.NameIDFormats = append(idp.NameIDFormats, format)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readEndpoint adds an address of a binding that we have. An address that may not
// be used is an error, not a gap: it would be noticed when somebody signs in.
func readEndpoint(e *xmlsec.Element, into []Endpoint) ([]Endpoint, error) {
	binding, _ := e.Attr("Binding")
	if Binding(binding) != RedirectBinding && Binding(binding) != PostBinding {
		return into, nil
	}
	out := Endpoint{Binding: Binding(binding)}
	out.Location, _ = e.Attr("Location")
	out.ResponseLocation, _ = e.Attr("ResponseLocation")
	if CheckLocation(out.Location) != nil || out.ResponseLocation != "" && CheckLocation(out.ResponseLocation) != nil {
		return nil, refuse(UnusableAddresses, "an address that is not https")
	}
	return append(into, out), nil
}

// readKey adds the certificates of a KeyDescriptor. One without use is for both
// (metadata 2.4.1.1). A certificate that cannot be read, or whose key is too weak,
// is left out: there may be an older beside a newer one.
func (idp *IdentityProvider) readKey(e *xmlsec.Element) error {
	use, _ := e.Attr("use")
	if use != "" && use != "signing" && use != "encryption" {
		return malformed("a key for another use than the two of SAML")
	}
	var found []*x509.Certificate
	e.Walk(func(in *xmlsec.Element) {
		data := in.Parent()
		if !in.Is(xmlsec.SignatureSpace, "X509Certificate") || data == nil || !data.Is(xmlsec.SignatureSpace, "X509Data") ||
			data.Parent() == nil || data.Parent().Parent() != e {
			return
		}
		text, err := in.Text()
		if err != nil {
			return
		}
		raw, err := xmlsec.DecodeBase64(text)
		if err != nil {
			return
		}
		if c, err := x509.ParseCertificate(raw); err == nil && xmlsec.CheckKey(c.PublicKey) == nil {
			found = append(found, c)
		}
	})
	for _, c := range found {
		if use != "encryption" && !slices.ContainsFunc(idp.Signing, c.Equal) {
			idp.Signing = append(idp.Signing, c)
		}
		if use != "signing" && !slices.ContainsFunc(idp.Encryption, c.Equal) {
			idp.Encryption = append(idp.Encryption, c)
		}
	}
	if len(idp.Signing) > maxCertificates || len(idp.Encryption) > maxCertificates {
		return refuse(UnusableKeys, "too many certificates")
	}
	return nil
}

// Keys are the keys to verify the partner's signatures with. A certificate in
// metadata is a wrapper around its key, which is trusted because the metadata is,
// so that its dates say nothing (metadata interoperability profile 2.6.1); expired
// says whether ones outside of their dates are used, too.
func (idp *IdentityProvider) Keys(now time.Time, expired bool) []crypto.PublicKey {
	var out []crypto.PublicKey
	for _, c := range idp.Signing {
		if expired || !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
			out = append(out, c.PublicKey)
		}
	}
	return out
}

// Endpoint finds the first of the endpoints with the binding.
func (idp *IdentityProvider) Endpoint(of []Endpoint, binding Binding) (Endpoint, bool) {
	for _, e := range of {
		if e.Binding == binding {
			return e, true
		}
	}
	return Endpoint{}, false
}
