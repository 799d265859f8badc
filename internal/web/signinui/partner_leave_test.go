package signinui_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/upstream"
	"parvis/internal/upstream/saml/idptest"
	"parvis/internal/web/webtest"
)

const bankLogout = "/partner/bank/logout"

// SAML profiles 4.4.3.1 and 4.4.3.4.
func TestWhoSignsOutMaySignOutAtAPartnerThatSpeaksSAMLToo(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		for i, language := range []string{"en-CA", "fr-CA"} {
			customer, address := []string{"customer-1", "customer-2"}[i], []string{"one@example.org", "two@example.org"}[i]
			p := bank.Customer(language, customer, address)
			p.Open("/signout").Must("sign-out", http.StatusOK)
			page := p.Submit("sign-out").Must("signed-out", http.StatusOK).MustSay(say(language, "Northland Bank", "Banque du Northland"))
			if page.Attr("partner-sign-out", "rel") != "noreferrer" || page.Href("partner-sign-out") != "/partner/bank/sign-out" {
				t.Errorf("the way to the partner: %q", page.Href("partner-sign-out"))
			}
			other := p.Elsewhere()
			if page := other.Open("/signed-out?partner=bank").Must("signed-out", http.StatusOK); page.Has("partner-too") {
				t.Error("offered in a browser in which nobody signed out")
			}
			p.Follow("partner-sign-out")
			first := bank.Leaves(p.Left, nil)
			p.Open("/signed-out?partner=bank")
			p.Follow("partner-sign-out") // once more, since the network broke
			l := bank.Leaves(p.Left, nil)
			if l.Name != "LogoutRequest" || l.Subject != customer || len(l.Sessions) != 1 || l.Sessions[0] != "_session" || l.ID == first.ID {
				t.Errorf("the request: %+v", l)
			}
			for _, word := range []string{"student-aid", "example.org", "callback", "client"} {
				if strings.Contains(l.XML+l.RelayState, word) {
					t.Errorf("the request says %q: %s", word, l.XML)
				}
			}
			late := bank.Ended(first)
			if page := p.Open(bankLogout+"?"+late.Query(t)).Must("signed-out", http.StatusOK); !page.Has("partner-not-left") {
				t.Error("the answer to the older request is heard")
			}
			answer := bankLogout + "?" + bank.Ended(l).Query(t)
			if page := other.Open(answer).Must("signed-out", http.StatusOK); page.Has("partner-left") || !page.Has("partner-not-left") {
				t.Error("the answer is heard in another browser")
			}
			page = p.Open(answer).Must("signed-out", http.StatusOK)
			if !page.Has("partner-left") || page.Has("partner-too") || page.Has("partner-not-left") || !page.Has("sign-in-link") {
				t.Errorf("back from the partner: %s", page.Text())
			}
			if page := p.Open("/signed-out?partner=bank"); page.Has("partner-too") {
				t.Error("offered once more, although it is done")
			}
			if page := p.Open(answer); page.Has("partner-left") {
				t.Error("one answer is heard twice")
			}
		}
	})
}

func TestEveryAnswerToASignOutHasItsPage(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		p := bank.Customer("en-CA", "customer-1", email)
		again := func() {
			p.Open(webtest.Authorize(webtest.Aid))
			bank.SignIn(p, "customer-1")
		}
		for name, c := range map[string]struct {
			spoil func(*idptest.Goodbye)
			want  string
		}{
			"good":                {func(*idptest.Goodbye) {}, "partner-left"},
			"not everywhere":      {func(g *idptest.Goodbye) { g.Second = "PartialLogout" }, "partner-not-left"},
			"a no":                {func(g *idptest.Goodbye) { g.Status = "Responder" }, "partner-not-left"},
			"unsigned":            {func(g *idptest.Goodbye) { g.Signer = nil }, "partner-not-left"},
			"by another partner":  {func(g *idptest.Goodbye) { g.Signer = idptest.SignerOf(t, idptest.Key(1)) }, "partner-not-left"},
			"for another address": {func(g *idptest.Goodbye) { g.Destination = webtest.Origin + "/partner/other/logout" }, "partner-not-left"},
			"to another request":  {func(g *idptest.Goodbye) { g.InResponseTo = "_other" }, "partner-not-left"},
			"without state":       {func(g *idptest.Goodbye) { g.RelayState = "" }, "partner-not-left"},
			"with a foreign one":  {func(g *idptest.Goodbye) { g.RelayState = "foreign" }, "partner-not-left"},
		} {
			for _, posted := range []bool{false, true} {
				g := bank.Ended(bank.Leave(p))
				c.spoil(&g)
				address := bankLogout + "?" + g.Query(t)
				if posted {
					page := bank.PostTo(p, bankLogout, g.Form(t))
					if page.Status != http.StatusSeeOther || len(page.Header.Values("Set-Cookie")) > 0 {
						t.Fatalf("%s: an answer that is posted: %d %v", name, page.Status, page.Header)
					}
					address = page.Header.Get("Location")
				}
				page := p.Open(address).Must("signed-out", http.StatusOK)
				if !page.Has(c.want) || page.Has("partner-left") != (c.want == "partner-left") {
					t.Errorf("%s, posted %v: %s", name, posted, page.Text())
				}
				again()
			}
		}
		// Who has signed in again meanwhile is told so, and not that they are signed out.
		g := bank.Ended(bank.Leave(p))
		g.Signer = nil
		again()
		p.Open(bankLogout+"?"+g.Query(t)).Must("sign-out", http.StatusOK)
		h.Advance(11 * time.Minute)
		p.Open("/partner/bank/sign-out").Must("sign-out", http.StatusOK)
		p.Submit("sign-out")
		h.Advance(11 * time.Minute)
		if page := p.Open("/partner/bank/sign-out").Must("signed-out", http.StatusOK); !page.Has("partner-not-left") {
			t.Error("asked too late, and no word of it")
		}
		for _, address := range []string{"/partner/nobody/sign-out", "/partner/nobody/logout", "/partner/nobody/logout?SAMLRequest=x"} {
			if page := p.Open(address); page.Status != http.StatusNotFound {
				t.Errorf("%s: %d", address, page.Status)
			}
		}
	})
}

// SAML profiles 4.4.3.2: a request that the partner signed ends what it opened for that
// person, whoever brings it, and the one who brings it stays who they are.
func TestAPartnersRequestEndsWhatItOpenedAndNothingElse(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		in := func(p *webtest.Person) bool { return p.Open("/services").Name() == "connected-services" }
		for i, posted := range []bool{false, true} {
			customer, address := []string{"customer-1", "customer-3"}[i], []string{"one@example.org", "three@example.org"}[i]
			one := bank.Customer("en-CA", customer, address)
			two := h.Person("fr-CA")
			two.Open(webtest.Authorize(webtest.Aid))
			other := bank.GoTo(two)
			a := bank.Good(other, customer)
			a.SessionIndex = "_second"
			two.Open(bank.Post(two, a))
			stranger := bank.Customer("en-CA", customer+"x", "x"+address)
			plain := h.Person("en-CA")
			plain.Open("/signin")
			plain.Follow("create-account-link")
			plain.Submit("create-account", "email", "plain"+address, "terms", "yes")
			plain.Submit("confirm-email", "code", h.Code("plain"+address))
			plain.Submit("choose-password", "password", good)

			// Through the browser of somebody else: theirs goes on.
			bring := func(g idptest.Goodbye) *webtest.Page {
				if posted {
					return bank.PostTo(stranger, bankLogout, g.Form(t))
				}
				stranger.Stay = true
				defer func() { stranger.Stay = false }()
				return stranger.Open(bankLogout + "?" + g.Query(t))
			}
			foreign := idptest.SignerOf(t, idptest.Key(1))
			for name, spoil := range map[string]func(*idptest.Goodbye){
				"unsigned":            func(g *idptest.Goodbye) { g.Signer = nil },
				"by another partner":  func(g *idptest.Goodbye) { g.Signer = foreign },
				"of another partner":  func(g *idptest.Goodbye) { g.Issuer = "urn:other" },
				"for another address": func(g *idptest.Goodbye) { g.Destination = webtest.Origin + "/partner/other/logout" },
				"over":                func(g *idptest.Goodbye) { g.Ends = g.Issued.Add(-time.Minute) },
				"long ago":            func(g *idptest.Goodbye) { g.Issued, g.Ends = g.Issued.Add(-2*time.Hour), time.Time{} },
			} {
				g := bank.EndsFor(customer)
				spoil(&g)
				page := bring(g)
				if page.Status != http.StatusBadRequest || page.Name() != "partner-sign-out-refused" || !page.Has("sign-out-link") {
					t.Errorf("%s: %d %s", name, page.Status, page.Name())
				}
			}
			wrapped := bank.EndsFor("customer-9").XML(t)
			end := strings.Index(wrapped, "<saml:NameID")
			evil := strings.Replace(wrapped[:end]+"<samlp:Extensions>"+wrapped+"</samlp:Extensions>"+wrapped[end:], ">customer-9<", ">"+customer+"<", 2)
			if page := bank.PostTo(stranger, bankLogout, url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(evil))}}); page.Status != http.StatusBadRequest {
				t.Errorf("wrapped: %d", page.Status)
			}
			for _, g := range []idptest.Goodbye{bank.EndsFor("nobody"), bank.EndsFor(customer, "_another session")} {
				if page := bring(g); page.Status != http.StatusSeeOther {
					t.Errorf("about nobody here: %d", page.Status)
				}
			}
			if !in(one) || !in(two) || !in(stranger) || !in(plain) {
				t.Fatal("a session ended that nobody asked for")
			}

			g := bank.EndsFor(customer, "_session")
			page := bring(g)
			if page.Status != http.StatusSeeOther || len(page.Header.Values("Set-Cookie")) > 0 || page.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v", page.Status, page.Header)
			}
			l := bank.Leaves(page.Header.Get("Location"), nil)
			if l.Name != "LogoutResponse" || l.InResponseTo != g.ID || l.RelayState != "theirs" || len(l.Statuses) != 1 || l.Statuses[0] != "Success" || strings.Contains(l.XML, customer) {
				t.Errorf("our answer: %+v", l)
			}
			if in(one) || !in(two) || !in(stranger) || !in(plain) {
				t.Error("not just the session that was named ended")
			}
			one.Open(webtest.Authorize(webtest.Aid))
			bank.SignIn(one, customer)
			if page := bring(g); page.Status != http.StatusBadRequest || !in(one) {
				t.Errorf("a request that was brought before: %d", page.Status)
			}
			if page := bring(bank.EndsFor(customer)); page.Status != http.StatusSeeOther || in(one) || in(two) || !in(stranger) || !in(plain) {
				t.Errorf("each session of the person: %d", page.Status)
			}
		}
	})
}

// A partner that takes forms only: each has its page, which alone names the partner.
func TestMessagesOfLogoutByFormAreSentByAButton(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		p := bank.Customer("fr-CA", "customer-1", email)
		l := bank.Leave(p)
		if l.Subject != "customer-1" || l.Destination != bank.SLO {
			t.Errorf("%+v", l)
		}
		p.Open("/partner/bank/sign-out").Must("partner-sign-out", http.StatusOK)
		policy := func(page *webtest.Page) {
			t.Helper()
			if got := page.Header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self' "+webtest.BankOrigin+";") || page.Attr("partner-sign-out", "action") != bank.SLO {
				t.Errorf("%s leads to %q", got, page.Attr("partner-sign-out", "action"))
			}
		}
		policy(p.Page)
		l = bank.Leave(bank.Customer("en-CA", "customer-2", "two@example.org"))
		if l.Subject != "customer-2" {
			t.Errorf("%+v", l)
		}
		page := bank.PostTo(p, bankLogout, bank.EndsFor("customer-1").Form(t)).Must("partner-sign-out", http.StatusOK)
		policy(page)
		answer := bank.Leaves("", url.Values{"SAMLResponse": {page.Field("SAMLResponse", "value")}, "RelayState": {page.Field("RelayState", "value")}})
		if answer.Name != "LogoutResponse" || answer.RelayState != "theirs" {
			t.Errorf("%+v", answer)
		}
	}, func(c *config.Config) {
		c.Upstreams[0].SAML.Binding = "post"
		c.Upstreams[0].SAML.Metadata = strings.ReplaceAll(c.Upstreams[0].SAML.Metadata, "HTTP-Redirect", "HTTP-POST")
	})
}

func TestSigningOutAtASAMLPartnerCanBeOff(t *testing.T) {
	h, bank := webtest.OpenSAML(t, func(c *config.Config) { c.Upstreams[0].SAML.Logout = upstream.Off })
	p := bank.Customer("en-CA", "customer-1", email)
	p.Open("/signout")
	if page := p.Submit("sign-out").Must("signed-out", http.StatusOK); page.Has("partner-too") {
		t.Error("offered although it is off")
	}
	bank.Partner.SLO = webtest.Origin + bankLogout
	if page := h.Person("en-CA").Open(bankLogout + "?" + bank.EndsFor("customer-1").Query(t)); page.Status != http.StatusNotFound {
		t.Errorf("a request is taken although it is off: %d", page.Status)
	}
}

// A service that has no address to come back to asks to sign out: the page after it offers
// the same as if the person had asked.
func TestASignOutThatAServiceAsksForOffersThePartner(t *testing.T) {
	eachSAML(t, func(t *testing.T, _ *webtest.House, bank *webtest.SAMLBank) {
		p := bank.Customer("en-CA", "customer-1", email)
		p.Open("/logout?client_id="+string(webtest.Aid)).Must("sign-out", http.StatusOK)
		page := p.Submit("sign-out").Must("signed-out", http.StatusOK)
		if page.Href("partner-sign-out") != "/partner/bank/sign-out" {
			t.Errorf("not offered: %s", page.Text())
		}
		p.Follow("partner-sign-out")
		if l := bank.Leaves(p.Left, nil); l.Subject != "customer-1" || strings.Contains(l.XML, string(webtest.Aid)) {
			t.Errorf("%+v", l)
		}
	})
}
