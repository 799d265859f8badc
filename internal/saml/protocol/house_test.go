package protocol

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/xmlsec"
)

// The parties and the moment of all tests.
const (
	partner = "https://partner.example/idp"
	us      = "https://signin.example.ca/saml"
	acs     = "https://signin.example.ca/saml/acs"
	slo     = "https://signin.example.ca/saml/slo"
)

var moment = time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC)

func pemFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../xmlsec/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		t.Fatalf("%s holds no PEM", name)
	}
	return block.Bytes
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(pemFile(t, name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func key(t testing.TB, name string) crypto.Signer {
	t.Helper()
	k, err := x509.ParsePKCS8PrivateKey(pemFile(t, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return k.(crypto.Signer)
}

func signer(t testing.TB, name string) *xmlsec.Signer {
	t.Helper()
	s, err := xmlsec.NewSigner(key(t, name), certificate(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trust is trust in the partner, whose key is p256; we decrypt with rsa.
func trust(t testing.TB) Trust {
	t.Helper()
	return Trust{
		Keys:       []crypto.PublicKey{certificate(t, "p256").PublicKey},
		Decryption: []crypto.Decrypter{key(t, "rsa").(crypto.Decrypter)},
	}
}

func expect() Expect {
	return Expect{Issuer: partner, Audience: us, Recipient: acs, RequestID: "_request", Now: moment, Skew: 30 * time.Second}
}

// answer is a good response, unsigned; tests change it by replacing text.
const answer = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_response" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="https://signin.example.ca/saml/acs" InResponseTo="_request">` +
	`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://partner.example/idp</saml:Issuer>` +
	`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
	assertionText + `</samlp:Response>`

const assertionText = `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="2.0" IssueInstant="2026-03-01T12:00:01Z">` +
	`<saml:Issuer>https://partner.example/idp</saml:Issuer>` +
	`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">person</saml:NameID>` +
	`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="https://signin.example.ca/saml/acs" InResponseTo="_request"/></saml:SubjectConfirmation></saml:Subject>` +
	`<saml:Conditions NotBefore="2026-03-01T12:00:00Z" NotOnOrAfter="2026-03-01T12:10:00Z"><saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
	`<saml:AuthnStatement AuthnInstant="2026-03-01T11:59:00Z" SessionIndex="_session" SessionNotOnOrAfter="2026-03-01T20:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
	`</saml:Assertion>`

// how says how a response is protected.
type how struct {
	response, assertion, encrypted bool
	by                             string // whose key; empty: the partner's
}

// protect signs and encrypts the text of a response.
func protect(t testing.TB, text string, h how) string {
	t.Helper()
	if h.by == "" {
		h.by = "p256"
	}
	root := parse(t, text)
	for i, n := range root.Children {
		a := n.Element
		if a == nil || !a.Is(assertionSpace, "Assertion") {
			continue
		}
		if h.assertion {
			sign(t, a, h.by, 1)
		}
		if h.encrypted {
			root.Children[i].Element = encrypt(t, "EncryptedAssertion", a)
		}
	}
	if h.response {
		sign(t, root, h.by, 1)
	}
	return write(t, root)
}

func encrypt(t testing.TB, name string, e *xmlsec.Element) *xmlsec.Element {
	t.Helper()
	data, err := xmlsec.Encrypt(e, certificate(t, "rsa").PublicKey.(*rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return saml(name).Add(data)
}

func parse(t testing.TB, text string) *xmlsec.Element {
	t.Helper()
	e, err := xmlsec.Read([]byte(text), xmlsec.MetadataLimits())
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return e
}

func write(t testing.TB, e *xmlsec.Element) string {
	t.Helper()
	raw, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func sign(t testing.TB, e *xmlsec.Element, by string, at int) {
	t.Helper()
	if err := signer(t, by).Sign(e, at); err != nil {
		t.Fatal(err)
	}
}

// post delivers a message by form.
func post(text string) (*Message, error) {
	return DecodePost("", base64.StdEncoding.EncodeToString([]byte(text)), "")
}

// consume is what an endpoint does with a response.
func consume(text string, trust Trust, x Expect) (*Assertion, error) {
	m, err := post(text)
	if err != nil {
		return nil, err
	}
	return ReadResponse(m, trust, x)
}

// replaced replaces pairs of texts, each of which must be there.
func replaced(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not there to be replaced", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func isReason(err error, reason Reason) bool { return errors.Is(err, &Error{Reason: reason}) }
