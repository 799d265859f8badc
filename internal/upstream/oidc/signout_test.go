package oidc

import (
	"strings"
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/upstream"
)

// R42 at the sign-out: who we are and where to come back to, byte by byte; no token, no
// hint, no state, nothing of a service. Nothing is fetched for it.
func TestSigningOutAtAPartnerTellsItNothingOfThePerson(t *testing.T) {
	f := newPartner(t)
	end := f.server.URL + "/end?tenant=a"
	f.metadata = func(m map[string]any) { m["end_session_endpoint"] = end }
	p := f.provider()
	if got := f.c.SignOut(p, i18n.French); got != "" {
		t.Errorf("before anything is known of it: %q", got)
	}
	if err := f.c.Probe(t.Context(), p, false); err != nil {
		t.Fatal(err)
	}
	before := f.wire.take()
	want := end + "&client_id=parvis&post_logout_redirect_uri=https%3A%2F%2Fsign-in.example.org%2Fpartner%2Fbank%2Fsigned-out&ui_locales=fr-CA+fr"
	if got := f.c.SignOut(p, i18n.French); got != want {
		t.Errorf("\n%s\n%s", got, want)
	}
	if sent := f.wire.take(); sent != "" || before == "" {
		t.Errorf("sent for it: %q", sent)
	}
	f.settings.OIDC.Logout = upstream.Off
	if got := f.c.SignOut(f.provider(), i18n.French); got != "" {
		t.Errorf("although it is off: %q", got)
	}
	f.settings.OIDC.Logout = ""
	for what, address := range map[string]string{"no endpoint": "", "a script": "javascript:alert(1)", "a fragment": "https://x.example/#a", "credentials": "https://a:b@x.example/"} {
		f.set(func() { f.metadata = func(m map[string]any) { m["end_session_endpoint"] = address } })
		if err := f.c.Probe(t.Context(), f.provider(), false); err != nil {
			t.Errorf("%s breaks the partner: %v", what, err)
		}
		if got := f.c.SignOut(f.provider(), ""); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	f.set(func() { f.metadata = func(m map[string]any) { m["end_session_endpoint"] = f.server.URL + "/end" } })
	var told strings.Builder
	for _, finding := range f.c.Examine(t.Context(), f.provider()) {
		told.WriteString(finding.Text + "\n")
	}
	if !strings.Contains(told.String(), "/partner/bank/signed-out") {
		t.Errorf("the operator is not told of the address: %s", told.String())
	}
}
