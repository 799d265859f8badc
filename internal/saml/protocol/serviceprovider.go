package protocol

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/xmlsec"
)

// ServiceProvider is what our metadata says of us to a partner.
type ServiceProvider struct {
	EntityID         string
	ACS              string     // our one address for answers, which come by form
	Logout           []Endpoint // none: no single logout
	NameIDFormats    []string
	Signing          []*x509.Certificate // the newest first; the next one is published before it signs
	Encryption       []*x509.Certificate // RSA; none: nothing is encrypted for us
	AssertionsSigned bool                // we want the assertion itself signed
	ValidUntil       time.Time
	CacheDuration    time.Duration
	Organization     []Organization // none: left out
	Contact          string         // e-mail address of the technical contact; empty: left out
}

// Organization is how we are called in one language (metadata 2.3.2.1).
type Organization struct {
	Language, Name, DisplayName, URL string
}

// Metadata writes our metadata, signed if there is a signer (metadata 2.3.2 and 2.4.4).
func (sp ServiceProvider) Metadata(id string, s *xmlsec.Signer) ([]byte, error) {
	if err := sp.check(); err != nil {
		return nil, err
	}
	entity := md("EntityDescriptor").Set("ID", id).Set("entityID", sp.EntityID)
	if !sp.ValidUntil.IsZero() {
		entity.Set("validUntil", writeTime(sp.ValidUntil))
	}
	if sp.CacheDuration > 0 {
		entity.Set("cacheDuration", "PT"+strconv.FormatInt(int64(sp.CacheDuration/time.Second), 10)+"S")
	}
	entity.Add(sp.role())
	if len(sp.Organization) > 0 {
		entity.Add(organization(sp.Organization))
	}
	if sp.Contact != "" {
		entity.Add(md("ContactPerson").Set("contactType", "technical").Add(md("EmailAddress").Write("mailto:" + sp.Contact)))
	}
	if s != nil {
		if err := s.Sign(entity, 0); err != nil {
			return nil, err
		}
	}
	return entity.Canonical()
}

func (sp ServiceProvider) check() error {
	if err := CheckEntityID(sp.EntityID); err != nil {
		return fmt.Errorf("saml: the entity identifier: %w", err)
	}
	if err := CheckLocation(sp.ACS); err != nil {
		return fmt.Errorf("saml: the address for answers: %w", err)
	}
	for _, e := range sp.Logout {
		if err := CheckLocation(e.Location); err != nil {
			return fmt.Errorf("saml: the address for logout: %w", err)
		}
	}
	for _, c := range sp.Encryption {
		if _, ok := c.PublicKey.(*rsa.PublicKey); !ok {
			return errors.New("saml: keys for encryption must be RSA keys")
		}
	}
	return nil
}

// role is the SPSSODescriptor, its elements in the order of the schema.
func (sp ServiceProvider) role() *xmlsec.Element {
	role := md("SPSSODescriptor").Set("protocolSupportEnumeration", protocolSpace).
		Set("AuthnRequestsSigned", strconv.FormatBool(len(sp.Signing) > 0)).
		Set("WantAssertionsSigned", strconv.FormatBool(sp.AssertionsSigned))
	for _, c := range sp.Signing {
		role.Add(keyDescriptor("signing", c))
	}
	for _, c := range sp.Encryption {
		key := keyDescriptor("encryption", c)
		for _, algorithm := range xmlsec.EncryptionAlgorithms() {
			key.Add(md("EncryptionMethod").Set("Algorithm", algorithm))
		}
		role.Add(key)
	}
	for _, e := range sp.Logout {
		service := md("SingleLogoutService").Set("Binding", string(e.Binding)).Set("Location", e.Location)
		if e.ResponseLocation != "" {
			service.Set("ResponseLocation", e.ResponseLocation)
		}
		role.Add(service)
	}
	for _, format := range sp.NameIDFormats {
		role.Add(md("NameIDFormat").Write(format))
	}
	return role.Add(md("AssertionConsumerService").Set("Binding", string(PostBinding)).Set("Location", sp.ACS).
		Set("index", "0").Set("isDefault", "true"))
}

func keyDescriptor(use string, c *x509.Certificate) *xmlsec.Element {
	ds := func(local string) *xmlsec.Element { return xmlsec.New("ds", xmlsec.SignatureSpace, local) }
	return md("KeyDescriptor").Set("use", use).Add(ds("KeyInfo").Add(ds("X509Data").Add(
		ds("X509Certificate").Write(base64.StdEncoding.EncodeToString(c.Raw)))))
}

// organization holds all names, then all names for people, then all addresses.
func organization(of []Organization) *xmlsec.Element {
	e := md("Organization")
	for _, part := range []struct {
		name string
		text func(Organization) string
	}{
		{"OrganizationName", func(o Organization) string { return o.Name }},
		{"OrganizationDisplayName", func(o Organization) string { return o.DisplayName }},
		{"OrganizationURL", func(o Organization) string { return o.URL }},
	} {
		for _, o := range of {
			child := md(part.name).Write(part.text(o))
			child.Attrs = append(child.Attrs, xmlsec.Attr{Prefix: "xml", Name: xmlsec.Name{Space: xmlSpace, Local: "lang"}, Value: o.Language})
			e.Add(child)
		}
	}
	return e
}
