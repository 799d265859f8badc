package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/upstream"
)

const theBank = `id: bank
name: {en: The bank, fr: La banque}
issuer: https://sign-in.bank.example
oidc: {client_id: parvis, auth: client_secret_basic, secret_file: SECRET, decryption_key_file: KEY}
`

func TestASignInPartnersSecretsAreReadFromTheirFiles(t *testing.T) {
	dir := t.TempDir()
	secret, key := filepath.Join(dir, "secret"), filepath.Join(dir, "key")
	const lines = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	for path, text := range map[string]string{secret: "of the bank\n", key: lines} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("SECRET", secret, "KEY", key).Replace(theBank)
	s, err := ParseUpstream("bank.yaml", []byte(text))
	if err != nil || s.OIDC.Secret != "of the bank" || s.OIDC.DecryptionKey != lines {
		t.Errorf("%+v %v", s.OIDC, err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseUpstream("bank.yaml", []byte(text)); err == nil || !strings.Contains(problemsOf(t, err), "oidc.decryption_key_file") {
		t.Errorf("a key that everybody may read: %v", err)
	}
	for what, wrong := range map[string]string{"issuers": "issuer: x\nissuers: y", "empty": "", "clientid": "oidc: {clientid: x}"} {
		if _, err := ParseUpstream("bank.yaml", []byte(wrong)); err == nil || !strings.Contains(problemsOf(t, err), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestMetadataOfAPartnerIsReadFromAFileThatEverybodyMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metadata.xml")
	const text = "<md:EntityDescriptor\n/>\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	given := "id: bank\nprotocol: saml\nname: {en: The bank, fr: La banque}\nissuer: urn:bank\nsaml: {metadata_file: " + path + "}\n"
	s, err := ParseUpstream("bank.yaml", []byte(given))
	if err != nil || s.SAML.Metadata != text {
		t.Errorf("%q %v", s.SAML.Metadata, err)
	}
	if err := os.WriteFile(path, make([]byte, maxPublic+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseUpstream("bank.yaml", []byte(given)); err == nil || !strings.Contains(problemsOf(t, err), "saml.metadata_file") {
		t.Errorf("a long file: %v", err)
	}
}

func TestSignInPartnersOfOneIdOrOneIssuerAreNamed(t *testing.T) {
	c := Preset("parvis")
	one := upstream.Settings{
		ID: "bank", Name: map[string]string{"en": "Bank", "fr": "Banque"}, Issuer: "https://bank.example",
		OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}
	other, wrong := one, one
	other.ID = "bank-2"
	wrong.ID, wrong.Issuer = "wrong", ""
	c.Upstreams = []upstream.Settings{one, one, other, wrong}
	all := strings.Join(c.Problems(), "\n")
	for _, want := range []string{"upstreams[bank].id: two", "upstreams[bank-2].issuer: two", "upstreams[wrong].issuer: give"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	shown := c.ShowText()
	if strings.Contains(shown, "of the bank") || !strings.Contains(shown, "upstreams[bank].oidc.client_id: parvis") {
		t.Errorf("shown:\n%s", shown)
	}
}
