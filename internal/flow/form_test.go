package flow

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/saml/protocol"
	"parvis/internal/secret"
	"parvis/internal/xmlsec"
)

func TestAFormOfAPartnerComesBackAsItWasAndIsShort(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := xmlsec.SelfSigned(key, "sign-in.northland.example.org", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := xmlsec.NewSigner(key, certificate)
	if err != nil {
		t.Fatal(err)
	}
	form, err := protocol.AuthnRequest{
		ID: protocol.NewID(), IssueInstant: time.Now(), Destination: "https://sign-in.ministry.example/idp/profile/SAML2/POST/SSO",
		Issuer: "https://sign-in.northland.example.org/partner/ministry/metadata", ACS: "https://sign-in.northland.example.org/partner/ministry/callback",
		NameIDFormat: protocol.FormatPersistent, AllowCreate: true, Contexts: []string{"urn:gc-ca:cyber-auth:assurance:loa2"},
	}.Post(secret.NewToken(), signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]url.Values{
		"a request": {form.Field: {form.Value}, "RelayState": {form.RelayState}},
		"odd ones":  {"a": {"", "=", "~", "AA==", "AB==", "é", strings.Repeat("/", 400)}, "b": {"QUJD"}},
		"empty":     {},
	} {
		text, err := PackForm(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, UnpackForm(text)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if len(text) > 3<<10 { // of the 8 kB of a flow's state
			t.Errorf("%s: %d bytes", name, len(text))
		}
	}
	if text, err := PackForm(nil); err != nil || text != "" || UnpackForm("") != nil || UnpackForm("!") != nil || UnpackForm("AAAA") != nil {
		t.Errorf("no form is %q: %v", text, err)
	}
}
