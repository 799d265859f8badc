// Package idptest is a SAML 2.0 identity provider for tests: it reads our metadata and
// our requests as strangers do, and answers them with whatever a test wants to be
// wrong. It speaks through values, not through HTTP, so that a test decides who
// carries what where.
package idptest

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/saml/protocol"
	"parvis/internal/xmlsec"
)

// The namespaces of what is written and read here.
const (
	samlpSpace = "urn:oasis:names:tc:SAML:2.0:protocol"
	samlSpace  = "urn:oasis:names:tc:SAML:2.0:assertion"
	mdSpace    = "urn:oasis:names:tc:SAML:2.0:metadata"
	statuses   = "urn:oasis:names:tc:SAML:2.0:status:"
)

// Provider is the identity provider. Its fields may be changed between uses.
type Provider struct {
	TB       testing.TB
	EntityID string
	SSO      string // where requests come
	Binding  protocol.Binding
	SLO      string             // where messages of logout come; "" for none
	Logout   []protocol.Binding // how they do
	Now      func() time.Time
	Signer   *xmlsec.Signer
	Partner  Partner // who we are to it, once it has read our metadata

	// Metadata changes what its metadata says of validity and keys.
	ValidUntil time.Time
	Cache      string // cacheDuration
	Also       []*x509.Certificate
}

// Partner is what a stranger reads in our metadata.
type Partner struct {
	EntityID, ACS string
	SLO           string // for each binding, the same
	Signing       []*x509.Certificate
	Encryption    []*x509.Certificate
	RequestsAre   string // AuthnRequestsSigned
	Wants         string // WantAssertionsSigned
	CacheDuration string
}

// keys are made once: RSA takes its time.
//
//nolint:gochecknoglobals // of tests
var keys = sync.OnceValue(func() []*rsa.PrivateKey {
	var out []*rsa.PrivateKey
	for range 3 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out = append(out, key)
	}
	return out
})

// Key is one of three RSA keys that tests share.
func Key(n int) *rsa.PrivateKey { return keys()[n] }

// PEM is a private key as settings have it.
func PEM(key crypto.Signer) string {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// SignerOf makes a signer of a key, with a certificate of its own.
func SignerOf(tb testing.TB, key crypto.Signer) *xmlsec.Signer {
	tb.Helper()
	certificate, err := xmlsec.SelfSigned(key, "partner.test", time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	must(tb, err)
	s, err := xmlsec.NewSigner(key, certificate)
	must(tb, err)
	return s
}

// New makes a provider that lives at an origin and signs with Key(0).
func New(tb testing.TB, origin string, now func() time.Time) *Provider {
	tb.Helper()
	return &Provider{
		TB: tb, EntityID: origin + "/idp", SSO: origin + "/sso", Binding: protocol.RedirectBinding, Now: now, Signer: SignerOf(tb, Key(0)),
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func element(prefix, space, local string) *xmlsec.Element { return xmlsec.New(prefix, space, local) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// MetadataOf is its metadata, signed.
func (p *Provider) MetadataOf() string {
	p.TB.Helper()
	md := func(local string) *xmlsec.Element { return element("md", mdSpace, local) }
	ds := func(local string) *xmlsec.Element { return element("ds", xmlsec.SignatureSpace, local) }
	root := md("EntityDescriptor").Set("ID", "_metadata").Set("entityID", p.EntityID)
	if !p.ValidUntil.IsZero() {
		root.Set("validUntil", stamp(p.ValidUntil))
	}
	if p.Cache != "" {
		root.Set("cacheDuration", p.Cache)
	}
	role := md("IDPSSODescriptor").Set("protocolSupportEnumeration", samlpSpace).Set("WantAuthnRequestsSigned", "true")
	for _, c := range append([]*x509.Certificate{p.Signer.Certificate()}, p.Also...) {
		role.Add(md("KeyDescriptor").Set("use", "signing").Add(ds("KeyInfo").Add(ds("X509Data").Add(
			ds("X509Certificate").Write(base64.StdEncoding.EncodeToString(c.Raw))))))
	}
	for _, binding := range p.Logout {
		role.Add(md("SingleLogoutService").Set("Binding", string(binding)).Set("Location", p.SLO))
	}
	role.Add(md("NameIDFormat").Write(protocol.FormatPersistent))
	role.Add(md("SingleSignOnService").Set("Binding", string(p.Binding)).Set("Location", p.SSO))
	root.Add(role)
	must(p.TB, p.Signer.Sign(root, 0))
	raw, err := root.Canonical()
	must(p.TB, err)
	return string(raw)
}

// Learn reads our metadata, whose signature must be that of the first key in it.
func (p *Provider) Learn(metadata []byte) {
	p.TB.Helper()
	root, err := xmlsec.Read(metadata, xmlsec.MetadataLimits())
	must(p.TB, err)
	got := Partner{}
	got.EntityID, _ = root.Attr("entityID")
	got.CacheDuration, _ = root.Attr("cacheDuration")
	use := ""
	root.Walk(func(e *xmlsec.Element) {
		switch {
		case e.Is(mdSpace, "SPSSODescriptor"):
			got.RequestsAre, _ = e.Attr("AuthnRequestsSigned")
			got.Wants, _ = e.Attr("WantAssertionsSigned")
		case e.Is(mdSpace, "AssertionConsumerService"):
			got.ACS, _ = e.Attr("Location")
		case e.Is(mdSpace, "SingleLogoutService"):
			got.SLO, _ = e.Attr("Location")
		case e.Is(mdSpace, "KeyDescriptor"):
			use, _ = e.Attr("use")
		case e.Is(xmlsec.SignatureSpace, "X509Certificate") && use != "":
			text, err := e.Text()
			must(p.TB, err)
			raw, err := base64.StdEncoding.DecodeString(text)
			must(p.TB, err)
			c, err := x509.ParseCertificate(raw)
			must(p.TB, err)
			if use == "signing" {
				got.Signing = append(got.Signing, c)
			} else {
				got.Encryption = append(got.Encryption, c)
			}
		}
	})
	if len(got.Signing) == 0 {
		p.TB.Fatal("our metadata names no key")
	}
	if _, err := xmlsec.Verify(root, []crypto.PublicKey{got.Signing[0].PublicKey}); err != nil {
		p.TB.Fatalf("our metadata is not signed by its first key: %v", err)
	}
	p.Partner = got
}

// Request is what a stranger reads in our request.
type Request struct {
	ID, Issuer, ACS, Destination, RelayState string
	Force                                    bool
	Format                                   string
	Contexts                                 []string
	XML                                      string
}

// Redirected reads a request that came by redirect, and verifies it with our keys.
func (p *Provider) Redirected(address string) Request { return p.redirected(address, "SAMLRequest") }

func (p *Provider) redirected(address, field string) Request {
	p.TB.Helper()
	u, err := url.Parse(address)
	must(p.TB, err)
	query := u.Query()
	signature, err := base64.StdEncoding.DecodeString(query.Get("Signature"))
	must(p.TB, err)
	octets, _, _ := strings.Cut(u.RawQuery, "&Signature=")
	if !p.verified(func(keys []crypto.PublicKey) error {
		return xmlsec.VerifyOctets([]byte(octets), signature, xmlsec.Algorithm(query.Get("SigAlg")), keys)
	}) {
		p.TB.Error("the request is not signed by us")
	}
	packed, err := base64.StdEncoding.DecodeString(query.Get(field))
	must(p.TB, err)
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	must(p.TB, err)
	return p.read(raw, query.Get("RelayState"))
}

// Posted reads a request that came by form, and verifies it with our keys.
func (p *Provider) Posted(fields url.Values) Request {
	p.TB.Helper()
	raw, err := base64.StdEncoding.DecodeString(fields.Get("SAMLRequest"))
	must(p.TB, err)
	root, err := xmlsec.Read(raw, xmlsec.MessageLimits())
	must(p.TB, err)
	if !p.verified(func(keys []crypto.PublicKey) error {
		_, err := xmlsec.Verify(root, keys)
		return err
	}) {
		p.TB.Error("the request is not signed by us")
	}
	return p.read(raw, fields.Get("RelayState"))
}

// verified reports whether one of our keys made a signature, or whether we are not known yet.
func (p *Provider) verified(by func([]crypto.PublicKey) error) bool {
	if len(p.Partner.Signing) == 0 {
		return true
	}
	var keys []crypto.PublicKey
	for _, c := range p.Partner.Signing {
		keys = append(keys, c.PublicKey)
	}
	return by(keys) == nil
}

func (p *Provider) read(raw []byte, state string) Request {
	p.TB.Helper()
	root, err := xmlsec.Read(raw, xmlsec.MessageLimits())
	must(p.TB, err)
	r := Request{RelayState: state, XML: string(raw)}
	r.ID, _ = root.Attr("ID")
	r.ACS, _ = root.Attr("AssertionConsumerServiceURL")
	r.Destination, _ = root.Attr("Destination")
	force, _ := root.Attr("ForceAuthn")
	r.Force = force == "true"
	root.Walk(func(e *xmlsec.Element) {
		text, _ := e.Text()
		switch {
		case e.Is(samlSpace, "Issuer"):
			r.Issuer = text
		case e.Is(samlSpace, "AuthnContextClassRef"):
			r.Contexts = append(r.Contexts, text)
		case e.Is(samlpSpace, "NameIDPolicy"):
			r.Format, _ = e.Attr("Format")
		}
	})
	return r
}

// Answer is what a response says. Of a Provider's own making it is good.
type Answer struct {
	ID, Issuer, Destination, InResponseTo string
	AssertionID, AssertionIssuer          string
	Recipient, ConfirmsRequest, Audience  string
	Subject, Format, Context              string
	Issued, SignedInAt, Ends              time.Time
	Status, Second                        string // "" for Success
	Signer                                *xmlsec.Signer
	SignResponse, SignAssertion           bool
	SessionIndex                          string
	Qualified                             bool // the name says whose it is, and for whom
	Encrypt                               *rsa.PublicKey
	RelayState                            string
	Attributes                            map[string]string
}

// Good is the answer to a request, for somebody.
func (p *Provider) Good(r Request, subject string) Answer {
	now := p.Now()
	a := Answer{
		ID: protocol.NewID(), Issuer: p.EntityID, Destination: r.ACS, InResponseTo: r.ID, AssertionID: protocol.NewID(), AssertionIssuer: p.EntityID,
		Recipient: r.ACS, ConfirmsRequest: r.ID, Audience: r.Issuer, Subject: subject, Format: protocol.FormatPersistent,
		Context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", Issued: now, SignedInAt: now, Ends: now.Add(5 * time.Minute),
		Signer: p.Signer, SignAssertion: true, SignResponse: true, RelayState: r.RelayState, SessionIndex: "_session",
		Attributes: map[string]string{"mail": "somebody@example.org", "displayName": "Somebody"},
	}
	if len(r.Contexts) > 0 {
		a.Context = r.Contexts[0]
	}
	if len(p.Partner.Encryption) > 0 {
		a.Encrypt, _ = p.Partner.Encryption[0].PublicKey.(*rsa.PublicKey)
	}
	return a
}

// Refusal is the answer to a request that says no, with the words of the standard.
func (p *Provider) Refusal(r Request, status, second string) Answer {
	a := p.Good(r, "")
	a.Status, a.Second = status, second
	return a
}

// Form is an answer as the browser posts it.
func (a Answer) Form(tb testing.TB) url.Values {
	tb.Helper()
	out := url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(a.XML(tb)))}}
	if a.RelayState != "" {
		out.Set("RelayState", a.RelayState)
	}
	return out
}

// XML is the response.
func (a Answer) XML(tb testing.TB) string {
	tb.Helper()
	samlp := func(local string) *xmlsec.Element { return element("samlp", samlpSpace, local) }
	saml := func(local string) *xmlsec.Element { return element("saml", samlSpace, local) }
	root := samlp("Response").Set("ID", a.ID).Set("Version", "2.0").Set("IssueInstant", stamp(a.Issued)).Set("Destination", a.Destination)
	if a.InResponseTo != "" {
		root.Set("InResponseTo", a.InResponseTo)
	}
	root.Add(saml("Issuer").Write(a.Issuer))
	status := a.Status
	if status == "" {
		status = "Success"
	}
	code := samlp("StatusCode").Set("Value", statuses+status)
	if a.Second != "" {
		code.Add(samlp("StatusCode").Set("Value", statuses+a.Second))
	}
	root.Add(samlp("Status").Add(code))
	if a.Status == "" {
		root.Add(a.assertion(tb))
	}
	if a.SignResponse {
		must(tb, a.Signer.Sign(root, 1))
	}
	raw, err := root.Canonical()
	must(tb, err)
	return string(raw)
}

func (a Answer) assertion(tb testing.TB) *xmlsec.Element {
	tb.Helper()
	saml := func(local string) *xmlsec.Element { return element("saml", samlSpace, local) }
	data := saml("SubjectConfirmationData").Set("NotOnOrAfter", stamp(a.Ends)).Set("Recipient", a.Recipient)
	if a.ConfirmsRequest != "" {
		data.Set("InResponseTo", a.ConfirmsRequest)
	}
	attributes := saml("AttributeStatement")
	for name, value := range a.Attributes {
		attributes.Add(saml("Attribute").Set("Name", name).Add(saml("AttributeValue").Write(value)))
	}
	name := saml("NameID").Set("Format", a.Format)
	if a.Qualified {
		name.Set("NameQualifier", a.AssertionIssuer).Set("SPNameQualifier", a.Audience)
	}
	e := saml("Assertion").Set("ID", a.AssertionID).Set("Version", "2.0").Set("IssueInstant", stamp(a.Issued)).Add(
		saml("Issuer").Write(a.AssertionIssuer),
		saml("Subject").Add(
			name.Write(a.Subject),
			saml("SubjectConfirmation").Set("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer").Add(data)),
		saml("Conditions").Set("NotBefore", stamp(a.Issued)).Set("NotOnOrAfter", stamp(a.Ends)).Add(
			saml("AudienceRestriction").Add(saml("Audience").Write(a.Audience))),
		saml("AuthnStatement").Set("AuthnInstant", stamp(a.SignedInAt)).Set("SessionIndex", a.SessionIndex).Add(
			saml("AuthnContext").Add(saml("AuthnContextClassRef").Write(a.Context))))
	if len(a.Attributes) > 0 {
		e.Add(attributes)
	}
	if a.SignAssertion {
		must(tb, a.Signer.Sign(e, 1))
	}
	if a.Encrypt == nil {
		return e
	}
	data, err := xmlsec.Encrypt(e, a.Encrypt)
	must(tb, err)
	return saml("EncryptedAssertion").Add(data)
}

// String keeps test output short.
func (a Answer) String() string { return fmt.Sprintf("(answer to %s)", a.InResponseTo) }
