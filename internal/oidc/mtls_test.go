package oidc_test

import (
	"testing"

	"parvis/internal/oidc/machine"
)

func TestSettingsThatCouldNeverTakeACertificateAreRefused(t *testing.T) {
	for name, m := range map[string]machine.MTLS{
		"no address":         {Listen: ":8443"},
		"a path":             {PublicURL: "https://mtls.example/x", Listen: ":8443"},
		"in clear":           {PublicURL: "http://mtls.example", Listen: ":8443"},
		"no way in":          {PublicURL: "https://mtls.example"},
		"an unknown form":    {PublicURL: "https://mtls.example", Header: "x509"},
		"a name and no form": {PublicURL: "https://mtls.example", Listen: ":8443", HeaderName: "X-Cert"},
		"a wrong name":       {PublicURL: "https://mtls.example", Header: "pem", HeaderName: "X Cert"},
	} {
		if problems := (machine.Settings{MTLS: m}).Problems(); len(problems) != 1 {
			t.Errorf("%s: %q", name, problems)
		}
	}
	for name, m := range map[string]machine.MTLS{"none": {}, "a listener": {PublicURL: "https://mtls.example:8443", Listen: ":8443"}, "a proxy": {PublicURL: "https://mtls.example", Header: "pem", HeaderName: "Ssl-Client-Cert"}} {
		if problems := (machine.Settings{MTLS: m}).Problems(); len(problems) != 0 {
			t.Errorf("%s: %q", name, problems)
		}
	}
	if _, err := machine.NewCertificates(machine.MTLS{PublicURL: "https://mtls.example", CAFiles: []string{"/dev/null"}}, nil); err == nil {
		t.Error("a file without certificates is taken")
	}
}
