package webtest

import (
	"net/http"
	"net/url"
	"testing"

	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/upstream"
	"parvis/internal/upstream/saml/idptest"
)

// OnEachEngine runs a test once per engine, each time in a House with an empty database
// of that engine.
func OnEachEngine(t *testing.T, test func(t *testing.T, on func(*config.Config))) {
	t.Helper()
	t.Run(db.SQLite, func(t *testing.T) { test(t, func(*config.Config) {}) })
	t.Run(db.PostgreSQL, func(t *testing.T) {
		address := dbtest.Open(t, db.PostgreSQL).Settings().URL
		test(t, func(c *config.Config) { c.Database.URL = address })
	})
}

// SAMLBank is a sign-in partner that speaks SAML, with the real consumer on our side.
// Its metadata stands in the configuration, so that nothing is called.
type SAMLBank struct {
	*idptest.Provider

	h *House
}

// OpenSAML opens a House with a SAMLBank that has read our metadata at its address.
func OpenSAML(t testing.TB, change ...func(*config.Config)) (*House, *SAMLBank) {
	t.Helper()
	idp := idptest.New(t, BankOrigin, dbtest.NewClock().Now)
	h := Open(t, append([]func(*config.Config){func(c *config.Config) {
		c.Upstreams = append(c.Upstreams, upstream.Settings{
			ID: string(BankID), Protocol: string(upstream.SAML), Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"},
			Issuer: idp.EntityID,
			SAML:   upstream.SAMLSettings{Metadata: idp.MetadataOf(), DecryptionKey: idptest.PEM(idptest.Key(2))},
		})
	}}, change...)...)
	idp.Now = h.Clock.Now
	b := &SAMLBank{Provider: idp, h: h}
	answer := h.Person("en-CA").Open(upstream.MetadataPath(BankID))
	if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/samlmetadata+xml" {
		t.Fatalf("our metadata: %d %v", answer.Status, answer.Header)
	}
	idp.Learn([]byte(answer.Body))
	return h, b
}

// GoTo leads a person from the page that has the bank's door to the bank, and gives
// what the bank reads of the request.
func (b *SAMLBank) GoTo(p *Person) idptest.Request {
	p.T.Helper()
	p.Submit("partner-"+string(BankID)).Must("partner-hand-off", http.StatusOK)
	if p.Page.Has("partner-hand-off") {
		fields := url.Values{"SAMLRequest": {p.Page.Field("SAMLRequest", "value")}, "RelayState": {p.Page.Field("RelayState", "value")}}
		p.Submit("partner-hand-off")
		return b.Posted(fields)
	}
	p.Follow("submit")
	return b.Redirected(p.Left)
}

// Post lets a page of the bank post an answer, as a browser does: from another site,
// without our cookies. It gives the address that the browser is led to.
func (b *SAMLBank) Post(p *Person, a idptest.Answer) string {
	p.T.Helper()
	return b.PostForm(p, a.Form(p.T))
}

// PostForm is Post with the fields of the form.
func (b *SAMLBank) PostForm(p *Person, form url.Values) string {
	p.T.Helper()
	site := p.Elsewhere()
	site.Stay = true
	site.Header = http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}
	page := site.Send(upstream.CallbackPath(BankID), form)
	if page.Status != http.StatusSeeOther || len(page.Header.Values("Set-Cookie")) > 0 || page.Header.Get("Cache-Control") != "no-store" {
		p.T.Fatalf("an answer that is posted: %d %v\n%s", page.Status, page.Header, page.Text())
	}
	return page.Header.Get("Location")
}

// SignIn goes to the bank as one of its customers and comes back.
func (b *SAMLBank) SignIn(p *Person, customer string) *Page {
	p.T.Helper()
	return p.Open(b.Post(p, b.Good(b.GoTo(p), customer)))
}
