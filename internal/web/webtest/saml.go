package webtest

import (
	"net/http"
	"net/url"
	"testing"

	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/saml/protocol"
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
	idp.SLO, idp.Logout = BankOrigin+"/slo", []protocol.Binding{protocol.RedirectBinding}
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
	page := b.PostTo(p, upstream.CallbackPath(BankID), form)
	if page.Status != http.StatusSeeOther || len(page.Header.Values("Set-Cookie")) > 0 || page.Header.Get("Cache-Control") != "no-store" {
		p.T.Fatalf("an answer that is posted: %d %v\n%s", page.Status, page.Header, page.Text())
	}
	return page.Header.Get("Location")
}

// PostTo lets a page of the bank post a form to an address of ours, as a browser does: from
// another site, without our cookies, and none is set.
func (b *SAMLBank) PostTo(p *Person, address string, form url.Values) *Page {
	p.T.Helper()
	site := p.Elsewhere()
	site.Stay = true
	site.Header = http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}
	page := site.Send(address, form)
	if page.Header.Get("Cache-Control") != "no-store" {
		p.T.Errorf("what another site posted is answered with %v", page.Header)
	}
	return page
}

// Customer is a person with an account that the bank opened, signed in.
func (b *SAMLBank) Customer(language, customer, email string) *Person {
	p := b.h.Person(language)
	p.T.Helper()
	p.Open(Authorize(Aid))
	b.SignIn(p, customer)
	p.Follow("create-account-link")
	p.Submit("create-account", "email", email, "terms", "yes")
	p.Submit("confirm-email", "code", b.h.Code(email))
	p.Submit("partner-create").Must("consent", http.StatusOK)
	return p
}

// Leave signs out here and goes to the bank to sign out there, too; what it reads of the
// request.
func (b *SAMLBank) Leave(p *Person) idptest.Leaving {
	p.T.Helper()
	p.Open("/signout").Must("sign-out", http.StatusOK)
	p.Submit("sign-out").Must("signed-out", http.StatusOK)
	p.Follow("partner-sign-out")
	if p.Left == "" {
		fields := url.Values{"SAMLRequest": {p.Page.Field("SAMLRequest", "value")}, "RelayState": {p.Page.Field("RelayState", "value")}}
		p.Submit("partner-sign-out")
		return b.Leaves("", fields)
	}
	return b.Leaves(p.Left, nil)
}

// SignIn goes to the bank as one of its customers and comes back.
func (b *SAMLBank) SignIn(p *Person, customer string) *Page {
	p.T.Helper()
	return p.Open(b.Post(p, b.Good(b.GoTo(p), customer)))
}
