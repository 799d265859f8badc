package protocol

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/xmlsec"
)

func base64Of(t testing.TB, name string) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(certificate(t, name).Raw)
}

// The metadata of four products, in their shape; KEY, KEY2 are certificates.
const (
	simplesamlphpMetadata = `<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://partner.example/idp">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>KEY</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:KeyDescriptor use="encryption"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>KEY</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/slo"/>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/sso"/>
  </md:IDPSSODescriptor>
  <md:ContactPerson contactType="technical"><md:GivenName>Administrator</md:GivenName><md:EmailAddress>mailto:na@example.org</md:EmailAddress></md:ContactPerson>
</md:EntityDescriptor>`

	shibbolethMetadata = `<?xml version="1.0" encoding="UTF-8"?>
<!--
     This is example metadata only. Do *NOT* supply it as is without review.
-->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" xmlns:xml="http://www.w3.org/XML/1998/namespace" xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui" xmlns:req-attr="urn:oasis:names:tc:SAML:protocol:ext:req-attr" validUntil="2026-09-01T00:00:00.000Z" entityID="https://partner.example/idp">
    <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol urn:oasis:names:tc:SAML:1.1:protocol urn:mace:shibboleth:1.0">
        <Extensions>
            <shibmd:Scope regexp="false">partner.example</shibmd:Scope>
<!--
    Fill in the details for your IdP here
-->
        </Extensions>
        <!-- First signing certificate is BackChannel, the Second is FrontChannel -->
        <KeyDescriptor use="signing">
            <ds:KeyInfo>
                    <ds:X509Data>
                        <ds:X509Certificate>
KEY
                        </ds:X509Certificate>
                    </ds:X509Data>
            </ds:KeyInfo>
        </KeyDescriptor>
        <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>KEY2</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
        <ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://partner.example:8443/idp/profile/SAML2/SOAP/ArtifactResolution" index="1"/>
        <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://partner.example:8443/slo"/>
        <SingleSignOnService Binding="urn:mace:shibboleth:1.0:profiles:AuthnRequest" Location="https://partner.example/shib"/>
        <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" req-attr:supportsRequestedAttributes="true" Location="https://partner.example/post"/>
        <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/sso"/>
    </IDPSSODescriptor>
</EntityDescriptor>`

	keycloakMetadata = `<md:EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://partner.example/idp"><md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:KeyName>r1</ds:KeyName><ds:X509Data><ds:X509Certificate>KEY</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://partner.example/resolve" index="0"></md:ArtifactResolutionService><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://partner.example/kc"></md:SingleLogoutService><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/kc" ResponseLocation="https://partner.example/kc/answer"></md:SingleLogoutService><md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/kc"></md:SingleSignOnService></md:IDPSSODescriptor></md:EntityDescriptor>`

	entraMetadata = "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><EntityDescriptor ID="_c1f0" entityID="https://partner.example/idp" xmlns="urn:oasis:names:tc:SAML:2.0:metadata"><RoleDescriptor xsi:type="fed:SecurityTokenServiceType" protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>KEY2</X509Certificate></X509Data></KeyInfo></KeyDescriptor></RoleDescriptor><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>KEY</X509Certificate></X509Data></KeyInfo></KeyDescriptor><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>KEY2</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/saml2"/><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/saml2"/><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://partner.example/saml2"/></IDPSSODescriptor></EntityDescriptor>`
)

// withKeys puts certificates in.
func withKeys(t testing.TB, text, first, second string) string {
	t.Helper()
	lines := strings.Join(strings.SplitAfterN(base64Of(t, first), "A", 4), "\n")
	return strings.NewReplacer("KEY2", base64Of(t, second), "KEY", lines).Replace(text)
}

func readMetadata(t testing.TB, text string) (*IdentityProvider, error) {
	t.Helper()
	return ReadIdentityProvider([]byte(withKeys(t, text, "p256", "rsa")), MetadataTrust{EntityID: partner, Now: moment})
}

func TestMetadataOfProductsIsRead(t *testing.T) {
	const sso, kc = "https://partner.example/sso", "https://partner.example/kc"
	first, second := certificate(t, "p256"), certificate(t, "rsa")
	for name, c := range map[string]struct {
		text string
		want IdentityProvider
	}{
		"simplesamlphp": {simplesamlphpMetadata, IdentityProvider{
			Signing: []*x509.Certificate{first}, Encryption: []*x509.Certificate{first},
			SignOn: []Endpoint{{Binding: RedirectBinding, Location: sso}}, Logout: []Endpoint{{Binding: RedirectBinding, Location: "https://partner.example/slo"}},
			NameIDFormats: []string{FormatTransient},
		}},
		"shibboleth": {shibbolethMetadata, IdentityProvider{
			ValidUntil: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Signing: []*x509.Certificate{first, second},
			SignOn: []Endpoint{{Binding: PostBinding, Location: "https://partner.example/post"}, {Binding: RedirectBinding, Location: sso}},
		}},
		"keycloak": {keycloakMetadata, IdentityProvider{
			RequestsSigned: true, Signing: []*x509.Certificate{first}, SignOn: []Endpoint{{Binding: RedirectBinding, Location: kc}},
			Logout:        []Endpoint{{Binding: PostBinding, Location: kc}, {Binding: RedirectBinding, Location: kc, ResponseLocation: kc + "/answer"}},
			NameIDFormats: []string{FormatPersistent},
		}},
		"entra": {entraMetadata, IdentityProvider{
			Signing: []*x509.Certificate{first, second}, Logout: []Endpoint{{Binding: RedirectBinding, Location: "https://partner.example/saml2"}},
			SignOn: []Endpoint{{Binding: RedirectBinding, Location: "https://partner.example/saml2"}, {Binding: PostBinding, Location: "https://partner.example/saml2"}},
		}},
	} {
		got, err := readMetadata(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.want.EntityID = partner
		if diff := cmp.Diff(c.want, *got, cmp.Comparer(func(a, b *x509.Certificate) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if got.SignOn[0].Answers() != got.SignOn[0].Location {
			t.Errorf("%s: answers go to %s", name, got.SignOn[0].Answers())
		}
	}
	got, err := readMetadata(t, keycloakMetadata)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := got.Endpoint(got.Logout, RedirectBinding); !ok || e.Answers() != kc+"/answer" {
		t.Errorf("answers of logouts go to %s", e.Answers())
	}
	if _, ok := got.Endpoint(got.SignOn, PostBinding); ok {
		t.Error("it has an address that it has not")
	}
}

func TestMetadataIsRefusedWithItsReason(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: moment.AddDate(1, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, weak.Public(), weak)
	if err != nil {
		t.Fatal(err)
	}
	const descriptor = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://partner.example/sso"/>`
	for name, c := range map[string]struct {
		from, to string
		want     Reason
	}{
		"another entity":        {`entityID="https://partner.example/idp"`, `entityID="https://partner.example/idp2"`, UnknownPartner},
		"no role":               {`md:IDPSSODescriptor `, `md:SPSSODescriptor `, Malformed}, // the end tag differs
		"SAML 1.1 only":         {`"urn:oasis:names:tc:SAML:2.0:protocol"`, `"urn:oasis:names:tc:SAML:1.1:protocol"`, UnknownPartner},
		"protocol as a prefix":  {`"urn:oasis:names:tc:SAML:2.0:protocol"`, `"urn:oasis:names:tc:SAML:2.0:protocolX"`, UnknownPartner},
		"expired":               {`entityID=`, `validUntil="2026-03-01T12:00:10Z" entityID=`, Expired},
		"role expired":          {`protocolSupportEnumeration=`, `validUntil="2026-03-01T12:00:00Z" protocolSupportEnumeration=`, Expired},
		"validity of nothing":   {`entityID=`, `validUntil="soon" entityID=`, Malformed},
		"duration of nothing":   {`entityID=`, `cacheDuration="1h" entityID=`, Malformed},
		"no address":            {descriptor, ``, UnusableAddresses},
		"no binding of ours":    {`HTTP-Redirect" Location="https://partner.example/sso"`, `SOAP" Location="https://partner.example/sso"`, UnusableAddresses},
		"plain address":         {`https://partner.example/sso`, `http://partner.example/sso`, UnusableAddresses},
		"script as address":     {`https://partner.example/sso`, `javascript:alert(1)`, UnusableAddresses},
		"script as logout":      {`https://partner.example/slo`, `javascript:alert(1)`, UnusableAddresses},
		"fragment":              {`https://partner.example/sso`, `https://partner.example/sso#`, UnusableAddresses},
		"no address in it":      {` Location="https://partner.example/sso"`, ``, UnusableAddresses},
		"script for answers":    {`Location="https://partner.example/slo"`, `Location="https://partner.example/slo" ResponseLocation="data:text/html,x"`, UnusableAddresses},
		"no key for signing":    {`use="signing"`, `use="encryption"`, UnusableKeys},
		"unknown use":           {`use="signing"`, `use="other"`, Malformed},
		"no certificate":        {`KEY`, `AAAA`, UnusableKeys},
		"weak key":              {`KEY`, base64.StdEncoding.EncodeToString(raw), UnusableKeys},
		"certificate in parts":  {`KEY`, `<x/>KEY`, UnusableKeys},
		"certificate elsewhere": {`<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">`, `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/><ds:KeyInfo><ds:Other>KEY</ds:Other></ds:KeyInfo></md:KeyDescriptor><md:KeyDescriptor use="encryption"><ds:KeyInfo>`, UnusableKeys},
		"certificate too deep":  {`<ds:X509Data><ds:X509Certificate>KEY</ds:X509Certificate></ds:X509Data>`, `<ds:Other><ds:X509Data><ds:X509Certificate>KEY</ds:X509Certificate></ds:X509Data></ds:Other>`, UnusableKeys},
		"boolean of nothing":    {`protocolSupportEnumeration=`, `WantAuthnRequestsSigned="yes" protocolSupportEnumeration=`, Malformed},
		"document type":         {`<?xml version="1.0"?>`, `<!DOCTYPE md:EntityDescriptor>`, Malformed},
		"comment in a value":    {`https://partner.example/idp"`, `https://partner.example/idp"><!--`, Malformed},
	} {
		if got, err := readMetadata(t, replaced(t, simplesamlphpMetadata, c.from, c.to)); !isReason(err, c.want) {
			t.Errorf("%s: want %s, got %v, %v", name, c.want, got, err)
		}
	}
	role := between(t, keycloakMetadata, "<md:IDPSSODescriptor", "</md:EntityDescriptor>")
	if _, err := readMetadata(t, replaced(t, keycloakMetadata, role, role+role)); !isReason(err, UnknownPartner) {
		t.Errorf("the role twice: %v", err)
	}
	if _, err := ReadIdentityProvider([]byte(withKeys(t, keycloakMetadata, "p256", "rsa")), MetadataTrust{Now: moment}); err != nil {
		t.Errorf("of whom it is is not asked: %v", err)
	}
}

func TestOnePartnerIsFoundAmongMany(t *testing.T) {
	entity := func(id, more string) string {
		return replaced(t, keycloakMetadata, `entityID="https://partner.example/idp"`, `entityID="`+id+`" `+more)
	}
	group := func(attributes, content string) string {
		return `<g:EntitiesDescriptor xmlns:g="urn:oasis:names:tc:SAML:2.0:metadata" ` + attributes + `>` + content + `</g:EntitiesDescriptor>`
	}
	many := group(`validUntil="2026-04-01T00:00:00Z" cacheDuration="P1D"`, entity("https://a.example", "")+
		group(`validUntil="2026-03-15T00:00:00Z" cacheDuration="PT6H30M"`, entity(partner, `validUntil="2026-05-01T00:00:00Z" cacheDuration="P1M"`))+entity("https://b.example", ""))
	got, err := readMetadata(t, many)
	if err != nil {
		t.Fatal(err)
	}
	if !got.ValidUntil.Equal(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)) || got.CacheDuration != 6*time.Hour+30*time.Minute {
		t.Errorf("valid until %s, for %s", got.ValidUntil, got.CacheDuration)
	}
	for name, text := range map[string]string{
		"twice":         group("", entity(partner, "")+entity(partner, "")),
		"not there":     group("", entity("https://a.example", "")),
		"in extensions": group("", `<g:Extensions>`+entity(partner, "")+`</g:Extensions>`),
	} {
		if _, err := readMetadata(t, text); !isReason(err, UnknownPartner) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readMetadata(t, group(`validUntil="2026-03-01T00:00:00Z"`, entity(partner, ""))); !isReason(err, Expired) {
		t.Errorf("the group has expired: %v", err)
	}
	alone := group("", entity(partner, ""))
	if _, err := ReadIdentityProvider([]byte(withKeys(t, alone, "p256", "rsa")), MetadataTrust{Now: moment}); !isReason(err, UnknownPartner) {
		t.Errorf("the only one of a group without being named: %v", err)
	}
	if _, err := ReadIdentityProvider([]byte(withKeys(t, many, "p256", "rsa")), MetadataTrust{Now: moment}); !isReason(err, UnknownPartner) {
		t.Errorf("one of many without being named: %v", err)
	}
}

func TestMetadataWithAPinnedKeyMustBeSignedByIt(t *testing.T) {
	text := withKeys(t, replaced(t, keycloakMetadata, `entityID=`, `ID="_md" entityID=`), "p256", "rsa")
	root := parse(t, text)
	sign(t, root, "p384", 0)
	signed := write(t, root)
	pinned := MetadataTrust{EntityID: partner, Now: moment, Keys: []crypto.PublicKey{certificate(t, "p384").PublicKey}}
	if _, err := ReadIdentityProvider([]byte(signed), pinned); err != nil {
		t.Errorf("signed: %v", err)
	}
	if _, err := ReadIdentityProvider([]byte(text), pinned); !isReason(err, Unsigned) {
		t.Errorf("unsigned: %v", err)
	}
	if _, err := ReadIdentityProvider([]byte(strings.Replace(signed, "/kc", "/xx", 1)), pinned); !isReason(err, BadSignature) {
		t.Errorf("changed: %v", err)
	}
	group := `<g:EntitiesDescriptor xmlns:g="urn:oasis:names:tc:SAML:2.0:metadata">` + signed + `</g:EntitiesDescriptor>`
	if _, err := ReadIdentityProvider([]byte(group), pinned); !isReason(err, Unsigned) {
		t.Errorf("signed, among what is not: %v", err)
	}
	pinned.Keys = []crypto.PublicKey{certificate(t, "p521").PublicKey}
	if _, err := ReadIdentityProvider([]byte(signed), pinned); !isReason(err, BadSignature) {
		t.Errorf("signed by somebody else: %v", err)
	}
}

func TestExpiredCertificatesAreUsedByChoice(t *testing.T) {
	private := key(t, "p256").(*ecdsa.PrivateKey)
	old := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: moment.AddDate(-2, 0, 0), NotAfter: moment.AddDate(-1, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, old, old, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	expired, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	idp := &IdentityProvider{Signing: []*x509.Certificate{expired, certificate(t, "rsa")}}
	inside := certificate(t, "rsa").NotBefore.Add(time.Hour)
	if n := len(idp.Keys(inside, false)); n != 1 {
		t.Errorf("%d keys", n)
	}
	if n := len(idp.Keys(inside, true)); n != 2 {
		t.Errorf("%d keys with the expired one", n)
	}
}

func TestTooManyCertificatesAreRefused(t *testing.T) {
	private := key(t, "p256").(*ecdsa.PrivateKey)
	var keys strings.Builder
	for i := range maxCertificates + 1 {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotAfter: moment.AddDate(1, 0, 0)}
		raw, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		keys.WriteString(`<ds:X509Certificate>` + base64.StdEncoding.EncodeToString(raw) + `</ds:X509Certificate>`)
	}
	if _, err := readMetadata(t, replaced(t, keycloakMetadata, `<ds:X509Certificate>KEY</ds:X509Certificate>`, keys.String())); !isReason(err, UnusableKeys) {
		t.Errorf("%v", err)
	}
}

func TestDurationsAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT1H": time.Hour, "PT604800.000S": 604800 * time.Second, "P7D": 7 * 24 * time.Hour,
		"P0Y0M0DT6H0M0.000S": 6 * time.Hour, "P1Y": 365 * 24 * time.Hour, "P1M": 30 * 24 * time.Hour, "PT1M1S": 61 * time.Second, "PT0S": 0,
	} {
		if got, err := readDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "PT", "P1DT", "-P1D", "1D", "P1H", "PT1D", "P1D ", "PT1.S", "P9999Y", "PT999999999S", "P1Y1", "P99999D", "PT1S1M"} {
		if got, err := readDuration(text); !isReason(err, Malformed) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// ours is our metadata.
func ours(t testing.TB) ServiceProvider {
	t.Helper()
	return ServiceProvider{
		EntityID: us, ACS: acs, Logout: []Endpoint{{Binding: RedirectBinding, Location: slo}, {Binding: PostBinding, Location: slo, ResponseLocation: slo + "/answer"}},
		NameIDFormats: []string{FormatPersistent, FormatTransient}, Signing: []*x509.Certificate{certificate(t, "p256"), certificate(t, "p384")},
		Encryption: []*x509.Certificate{certificate(t, "rsa")}, AssertionsSigned: true, ValidUntil: moment.Add(48 * time.Hour), CacheDuration: 12 * time.Hour,
		Organization: []Organization{{"en", "Example", "Example & Sons", "https://example.ca/en"}, {"fr", "Exemple", "Exemple et fils", "https://example.ca/fr"}},
		Contact:      "saml@example.ca",
	}
}

func TestOurMetadataSaysWhatAPartnerNeeds(t *testing.T) {
	raw, err := ours(t).Metadata("_md", signer(t, "p256"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := xmlsec.Read(raw, xmlsec.MetadataLimits())
	if err != nil {
		t.Fatal(err)
	}
	if e.Elements()[0].Name.Local != "Signature" {
		t.Error("the signature is not the first element, where the schema has it")
	}
	if e, err = xmlsec.Verify(e, trust(t).Keys); err != nil {
		t.Fatal(err)
	}
	text := write(t, e)
	for _, want := range []string{
		`entityID="https://signin.example.ca/saml"`, `validUntil="2026-03-03T12:00:10Z"`, `cacheDuration="PT43200S"`,
		`AuthnRequestsSigned="true"`, `WantAssertionsSigned="true"`, base64Of(t, "p256"), base64Of(t, "p384"), base64Of(t, "rsa"),
		`<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://signin.example.ca/saml/acs" index="0" isDefault="true">`,
		`<md:NameIDFormat>` + FormatPersistent + `</md:NameIDFormat>`, `ResponseLocation="https://signin.example.ca/saml/slo/answer"`,
		`<md:OrganizationDisplayName xml:lang="en">Example &amp; Sons</md:OrganizationDisplayName>`, `mailto:saml@example.ca`,
		`http://www.w3.org/2009/xmlenc11#aes256-gcm`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "-cbc") { // the hyphen is in no signature
		t.Error("we ask for AES-CBC")
	}
	for name, change := range map[string]func(*ServiceProvider){
		"entity":     func(sp *ServiceProvider) { sp.EntityID = "us" },
		"address":    func(sp *ServiceProvider) { sp.ACS = "http://signin.example.ca/" },
		"logout":     func(sp *ServiceProvider) { sp.Logout = []Endpoint{{PostBinding, "x", ""}} },
		"encryption": func(sp *ServiceProvider) { sp.Encryption = slices.Clone(sp.Signing) },
	} {
		sp := ours(t)
		change(&sp)
		if _, err := sp.Metadata("_md", nil); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func FuzzReadIdentityProvider(f *testing.F) {
	for _, text := range []string{simplesamlphpMetadata, shibbolethMetadata, keycloakMetadata, entraMetadata} {
		f.Add([]byte(withKeys(f, text, "p256", "rsa")))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ReadIdentityProvider(raw, MetadataTrust{EntityID: partner, Now: moment})
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if got.EntityID != partner || len(got.SignOn) == 0 || len(got.Signing) == 0 || len(got.Signing) > maxCertificates {
			t.Fatalf("%+v", got)
		}
		for _, e := range slices.Concat(got.SignOn, got.Logout) {
			if CheckLocation(e.Location) != nil {
				t.Fatalf("%s", e.Location)
			}
		}
	})
}
