package signinui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/config"
	"parvis/internal/web/webtest"
)

// Browsers apply the form's policy to the redirects of the service, too.
func TestTheFormsOfAJourneyLetTheServiceLeadOnToItsOtherHosts(t *testing.T) {
	h := webtest.Open(t, func(c *config.Config) {
		for i := range c.Partners {
			if c.Partners[i].ID == string(webtest.Aid) {
				c.Partners[i].StartURL = "https://www.student-aid.test/"
			}
		}
	})
	enrol(h, h.Person("en-CA"))
	p := h.Person("en-CA")
	allowed := func(at string) {
		t.Helper()
		policy := p.Page.Must(at, http.StatusOK).Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "https://www.student-aid.test") || strings.Contains(policy, "permits") {
			t.Errorf("%s: %s", at, policy)
		}
	}
	p.Open(webtest.Authorize(webtest.Aid))
	allowed("sign-in")
	signIn(p, good)
	allowed("consent")
	p.Submit("consent", "#allow")
	p.Open("/logout?client_id=student-aid&post_logout_redirect_uri=https%3A%2F%2Fstudent-aid.test%2Fsigned-out")
	allowed("sign-out")
}
