package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// OAuth Form Post, 2: the answer is a form of hidden fields that posts itself to the redirect address.
func TestFormPostIsAPageThatPostsToTheRegisteredAddressOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		got := b.authorize(request("service", "response_mode", "form_post", "state", `"><script>alert(1)</script>`))
		if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d", got.StatusCode)
		}
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "form-action https://service.example https://www.service.example;") || !strings.Contains(policy, "script-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %s", policy)
		}
		if got := got.Header.Get("Referrer-Policy"); got != "strict-origin" {
			t.Errorf("the service is not told who posts: %s", got)
		}
		for _, want := range []string{`method="post" action="` + callback + `"`, `name="code"`, `name="iss"`, `<noscript>`, `id="submit"`, `&#34;&gt;&lt;script&gt;`} {
			if !strings.Contains(got.text, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if strings.Contains(got.text, "<script>alert") {
			t.Error("the state is markup")
		}
	})
}
