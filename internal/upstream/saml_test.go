package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/saml/protocol"
	"parvis/internal/xmlsec"
)

// pair is a key and its certificate in PEM.
func pair(t *testing.T) (key, certificate string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c, err := xmlsec.SelfSigned(private, "partner.example", time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// goodSAML is a partner without metadata that encrypts.
func goodSAML(t *testing.T) Settings {
	t.Helper()
	key, certificate := pair(t)
	return Settings{
		ID: "bank", Protocol: "saml", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: "urn:example:bank",
		SAML: SAMLSettings{SSOURL: "https://bank.example/sso", Certificate: certificate, DecryptionKey: key},
	}
}

const partnerMetadata = `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:example:bank">` +
	`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
	`<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
	`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://bank.example/sso"/>` +
	`</md:IDPSSODescriptor></md:EntityDescriptor>`

func metadataOf(certificate string) string {
	block, _ := pem.Decode([]byte(certificate))
	return fmt.Sprintf(partnerMetadata, base64.StdEncoding.EncodeToString(block.Bytes))
}

func TestASAMLPartnerIsBuiltWithSafeDefaults(t *testing.T) {
	p, problems := goodSAML(t).Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c := p.SAML
	if c.NameID != protocol.FormatPersistent || c.Encryption != On || c.CBC || !c.Probe || c.Binding != "" || c.Signing != nil ||
		len(c.Decryption) != 1 || c.Known == nil || len(c.Known.Signing) != 1 || c.Known.SignOn[0].Binding != protocol.RedirectBinding {
		t.Errorf("%+v", c)
	}
	s := goodSAML(t)
	key, certificate := pair(t)
	s.SAML.PrivateKey, s.SAML.DecryptionKey, s.SAML.Encryption = key+certificate, "", Off
	s.SAML.SSOURL, s.SAML.Certificate, s.SAML.Metadata = "", "", metadataOf(certificate)
	p, problems = s.Build()
	if len(problems) > 0 || p.SAML.Signing == nil || p.SAML.Signing.Certificate == nil || p.SAML.Encryption != Off || p.SAML.Known.EntityID != s.Issuer {
		t.Errorf("%v", problems)
	}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); strings.Contains(text, "PRIVATE") || strings.Contains(text, "Primes") {
		t.Error("a provider prints its keys")
	}
}

func TestEachMistakeInASAMLPartnerIsNamedByItsKey(t *testing.T) {
	good := goodSAML(t)
	key, certificate := pair(t)
	_, foreign := pair(t)
	for name, c := range map[string]struct {
		spoil func(*Settings)
		key   string
	}{
		"no issuer":                 {func(s *Settings) { s.Issuer = "" }, ".issuer:"},
		"an issuer that is no URI":  {func(s *Settings) { s.Issuer = "the bank" }, ".issuer:"},
		"entity id":                 {func(s *Settings) { s.SAML.EntityID = "us" }, ".saml.entity_id:"},
		"no source":                 {func(s *Settings) { s.SAML.SSOURL, s.SAML.Certificate = "", "" }, ".saml.metadata_url:"},
		"two sources":               {func(s *Settings) { s.SAML.MetadataURL = "https://bank.example/md" }, ".saml.metadata_url:"},
		"address of metadata":       {func(s *Settings) { byURL(s, "http://bank.example/md") }, ".saml.metadata_url:"},
		"script as an address":      {func(s *Settings) { s.SAML.SSOURL = "javascript:alert(1)" }, ".saml.sso_url:"},
		"script as a way out":       {func(s *Settings) { s.SAML.SLOURL = "javascript:alert(1)" }, ".saml.slo_url:"},
		"a way out beside metadata": {func(s *Settings) { byURL(s, "https://bank.example/md"); s.SAML.SLOURL = "https://bank.example/slo" }, ".saml.slo_url:"},
		"logout":                    {func(s *Settings) { s.SAML.Logout = On }, ".saml.logout:"},
		"no certificate":            {func(s *Settings) { s.SAML.Certificate = "" }, ".saml.certificate_file:"},
		"a key as a certificate":    {func(s *Settings) { s.SAML.Certificate = key }, ".saml.certificate_file:"},
		"metadata of another": {func(s *Settings) {
			inline(s, strings.Replace(metadataOf(certificate), "urn:example:bank", "urn:example:other", 1))
		}, ".saml.metadata_file:"},
		"metadata that is none": {func(s *Settings) { inline(s, "<x/>") }, ".saml.metadata_file:"},
		"metadata that is not signed": {func(s *Settings) {
			inline(s, metadataOf(certificate))
			s.SAML.MetadataCertificate = certificate
		}, ".saml.metadata_file:"},
		"long metadata":              {func(s *Settings) { inline(s, strings.Repeat("x", maxMetadata+1)) }, ".saml.metadata_file:"},
		"nothing to be pinned":       {func(s *Settings) { s.SAML.MetadataCertificate = certificate }, ".saml.metadata_certificate_file:"},
		"pinned by nonsense":         {func(s *Settings) { byURL(s, "https://bank.example/md"); s.SAML.MetadataCertificate = "x" }, ".saml.metadata_certificate_file:"},
		"binding":                    {func(s *Settings) { s.SAML.Binding = "artifact" }, ".saml.binding:"},
		"a name that does not stay":  {func(s *Settings) { s.SAML.NameID = "transient" }, ".saml.name_id:"},
		"an address as a name":       {func(s *Settings) { s.SAML.NameID = protocol.FormatEmail }, ".saml.name_id:"},
		"a name of no format":        {func(s *Settings) { s.SAML.NameID = "whatever" }, ".saml.name_id:"},
		"a context twice":            {func(s *Settings) { s.SAML.AuthnContext = []string{"urn:a", "urn:a"} }, ".saml.authn_context:"},
		"a curve to sign with":       {func(s *Settings) { s.SAML.PrivateKey = pemKey(t, jose.ES256) }, ".saml.private_key_file:"},
		"two keys to sign with":      {func(s *Settings) { s.SAML.PrivateKey = key + key }, ".saml.private_key_file:"},
		"a foreign certificate":      {func(s *Settings) { s.SAML.PrivateKey = key + foreign }, ".saml.private_key_file:"},
		"a certificate before a key": {func(s *Settings) { s.SAML.DecryptionKey = certificate + key }, ".saml.decryption_key_file:"},
		"too many keys":              {func(s *Settings) { s.SAML.DecryptionKey = strings.Repeat(key, mostKeys+1) }, ".saml.decryption_key_file:"},
		"encryption without a key":   {func(s *Settings) { s.SAML.DecryptionKey, s.SAML.Encryption = "", Offered }, ".saml.decryption_key_file:"},
		"a key without encryption":   {func(s *Settings) { s.SAML.Encryption = Off }, ".saml.encryption:"},
		"encryption":                 {func(s *Settings) { s.SAML.Encryption = "maybe" }, ".saml.encryption:"},
		"CBC of nothing":             {func(s *Settings) { s.SAML.DecryptionKey, s.SAML.CBC = "", true }, ".saml.cbc:"},
		"probe":                      {func(s *Settings) { s.SAML.Probe = Offered }, ".saml.probe:"},
	} {
		s := good
		c.spoil(&s)
		problems := s.Problems()
		if len(problems) == 0 {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(strings.Join(problems, "\n"), c.key) {
			t.Errorf("%s: %v does not name %s", name, problems, c.key)
		}
	}
	s := good
	s.Issuer, s.SAML.SSOURL, s.SAML.NameID, s.SAML.Binding = "", "x", "transient", "x"
	if problems := s.Problems(); len(problems) != 4 {
		t.Errorf("not all mistakes at once: %v", problems)
	}
}

func byURL(s *Settings, address string) {
	s.SAML.SSOURL, s.SAML.Certificate, s.SAML.MetadataURL = "", "", address
}

func inline(s *Settings, metadata string) {
	s.SAML.SSOURL, s.SAML.Certificate, s.SAML.Metadata = "", "", metadata
}

func TestKeysForSAMLAreCredentialsAndStandInNoJSON(t *testing.T) {
	s := goodSAML(t)
	s.SAML.PrivateKey, _ = pair(t)
	raw, err := json.Marshal(s)
	if err != nil || strings.Contains(string(raw), "PRIVATE") {
		t.Fatalf("%s %v", raw, err)
	}
	var back Settings
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	back.Take(s.Credentials())
	if p, problems := back.Build(); len(problems) > 0 || p.SAML.Signing == nil || len(p.SAML.Decryption) != 1 {
		t.Errorf("%v", problems)
	}
}

func TestASAMLPartnerIsReadFromYAML(t *testing.T) {
	const text = `
id: gckey
kind: gckey
name: {en: GCKey, fr: CléGC}
issuer: https://gckey.example
worth: {cap: aal2}
saml: {metadata_url: "https://gckey.example/metadata", authn_context: ["urn:gc-ca:cyber-auth:assurance:loa3"]}
`
	var s Settings
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if problems := s.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "saml.decryption_key_file") {
		t.Errorf("the kind does not demand encryption: %v", problems)
	}
	s.SAML.DecryptionKey, _ = pair(t)
	p, problems := s.Build()
	if len(problems) > 0 || p.Protocol != SAML || p.SAML.Contexts[0] != "urn:gc-ca:cyber-auth:assurance:loa3" || p.SAML.Known != nil {
		t.Errorf("%v", problems)
	}
}

func FuzzKeysAndCertificatesOfSAML(f *testing.F) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), "<x/>")
	f.Fuzz(func(t *testing.T, certificate, key, metadata string) {
		s := Settings{ID: "bank", Protocol: "saml", Name: i18n.Text{"en": "b"}, Issuer: "urn:example:bank"}
		s.SAML = SAMLSettings{Metadata: metadata, MetadataCertificate: certificate, PrivateKey: key, DecryptionKey: key}
		if p, problems := s.Build(); (p == nil) != (len(problems) > 0) {
			t.Error("a provider with problems, or none without")
		}
	})
}
