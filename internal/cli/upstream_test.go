package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/jose"
)

func TestACheckOfAWorkingPartnerFindsNothingWrong(t *testing.T) {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.ES256, key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jose.NewKeySet(signer.JWK()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) })
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": server.URL, "authorization_endpoint": server.URL + "/authorize", "token_endpoint": server.URL + "/token",
			"jwks_uri": server.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	dir := t.TempDir()
	path := filepath.Join(dir, "parvis.yaml")
	if code := Main([]string{"init", "--dir", dir, "--data", dir}, strings.NewReader(""), new(bytes.Buffer), os.Stderr); code != 0 {
		t.Fatal("no configuration")
	}
	text := fmt.Sprintf(`server: {public_url: "https://sign-in.example.org", listen: "127.0.0.1:8443", proxy: {trusted: [127.0.0.1]}}
database: {url: "sqlite:%[1]s/parvis.db"}
keys: {root_files: [%[1]s/root.key], pepper_files: [%[1]s/pepper.key]}
deployment: {owner: {en: Northland, fr: Northland}}
public: {contact_desk: desk@example.org}
mail: {from: noreply@example.org, server: {host: mail.example.org}}
outbound: {allow: [127.0.0.0/8]}
upstreams:
  - id: bank
    name: {en: The bank, fr: La banque}
    issuer: %[2]s
    oidc: {client_id: parvis, secret: of the bank}
`, dir, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := Main([]string{"--config", path, "migrate", "up"}, strings.NewReader(""), new(bytes.Buffer), os.Stderr); code != 0 {
		t.Fatal("no database")
	}
	out, errOut := new(bytes.Buffer), new(bytes.Buffer)
	code := Main([]string{"--config", path, "upstream", "check", "bank"}, strings.NewReader(""), out, errOut)
	if code != 0 || strings.Contains(out.String(), "WRONG") || !strings.Contains(out.String(), "keys: 1 usable") || !strings.Contains(out.String(), "fit") {
		t.Errorf("%d\n%s%s", code, out, errOut)
	}
}
