package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/relyingparty"
)

func TestCertificatesOfServicesNeedAWayIn(t *testing.T) {
	_, text := ready(t)
	load := func(changed string) (*Config, error) {
		p := filepath.Join(t.TempDir(), "parvis.yaml")
		if err := os.WriteFile(p, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(p, nil)
	}
	with := func(lines string) string { return text + "\noidc:\n  mtls:\n" + lines }
	const at = "    public_url: https://mtls.example.org\n"
	for name, c := range map[string]struct{ text, want string }{
		"a header without a proxy":       {with(at + "    header: client-cert\n"), "oidc.mtls.header: is believed of the proxies in server.proxy.trusted only"},
		"no way in":                      {with(at), "oidc.mtls.listen: no certificate would ever arrive"},
		"a listener without an address":  {with("    listen: ':8443'\n"), "oidc.mtls.public_url: give the address"},
		"an address with a path":         {with("    public_url: https://mtls.example.org/x\n    listen: ':8443'\n"), "oidc.mtls.public_url:"},
		"an unknown form":                {strings.Replace(with(at+"    header: x509\n"), "trusted: []", "trusted: [10.0.0.1/32]", 1), "oidc.mtls.header: \"x509\""},
		"a name of a header that is set": {with(at + "    listen: ':8443'\n    header_name: X-Cert\n"), "oidc.mtls.header_name:"},
	} {
		_, err := load(c.text)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		if all := problemsOf(t, err); !strings.Contains(all, c.want) {
			t.Errorf("%s: want %q in:\n%s", name, c.want, all)
		}
	}
	c, err := load(with(at + "    listen: ':8443'\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.Server.TLS.CertificateFile = ""
	if got := strings.Join(c.mtls(), "\n"); !strings.Contains(got, "mtls.listen: needs the files of server.tls") {
		t.Errorf("a listener without files of TLS: %q", got)
	}
	if _, err := load(strings.Replace(with(at+"    header: pem\n"), "trusted: []", "trusted: [10.0.0.1/32]", 1)); err != nil {
		t.Errorf("a trusted proxy: %v", err)
	}
}

func TestAServiceWithACertificateNeedsADeploymentThatTakesThem(t *testing.T) {
	path, _ := ready(t)
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := relyingparty.Settings{
		ID: "tax", Name: i18n.Text{"en": "Tax", "fr": "Impôts"}, Department: i18n.Text{"en": "Revenue", "fr": "Revenu"}, RedirectURIs: []string{"https://tax.example/cb"},
		Auth: "tls_client_auth",
	}
	s.SubjectDN = "CN=tax"
	if problems := s.Problems(); len(problems) != 0 {
		t.Fatal(problems)
	}
	if got := strings.Join(c.Demands(s), "\n"); !strings.Contains(got, "partners[tax].auth: this deployment takes no certificates") {
		t.Errorf("%q", got)
	}
	c.OIDC.Machine.MTLS.PublicURL = "https://mtls.example.org"
	if got := c.Demands(s); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
