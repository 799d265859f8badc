package oidc_test

import (
	"net/http"
	"net/url"
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

// OAuth Form Post, 2: errors are posted, too, with state, and nothing of the answer is in an address.
// OAuth Form Post, 4: the page is not kept, and opens nothing but the redirect address.
func TestAnErrorIsPostedAsACodeIs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for want, v := range map[string]url.Values{
			"invalid_scope":             request("service", "scope", "email"),
			"unsupported_response_type": request("service", "response_type", "token"),
			"consent_required":          request("other", "prompt", "none"),
			"invalid_request":           request("service", "max_age", "soon"),
		} {
			v.Set("response_mode", "form_post")
			got := b.authorize(v)
			policy := got.Header.Get("Content-Security-Policy")
			for _, field := range []string{`name="error" value="` + want + `"`, `name="state" value="st4te"`, `method="post" action="` + callback + `"`} {
				if !strings.Contains(got.text, field) {
					t.Errorf("%s: the page lacks %s", want, field)
				}
			}
			if got.StatusCode != http.StatusOK || got.Header.Get("Location") != "" || strings.Contains(got.text, `name="code"`) || got.Header.Get("Cache-Control") != "no-store" ||
				!strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "frame-ancestors 'none'") {
				t.Errorf("%s: %d %v", want, got.StatusCode, got.Header)
			}
		}
		cancelled := b.authorize(request("service", "response_mode", "form_post", "prompt", "login")).flow(t)
		if got := b.get("/authorize/cancel/" + string(cancelled)); !strings.Contains(got.text, `name="error" value="access_denied"`) {
			t.Errorf("declined: %d %s", got.StatusCode, got.text)
		}
	})
}
