package signinui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
	"parvis/internal/upstream/saml/idptest"
	"parvis/internal/web/webtest"
)

// eachSAML walks a journey on both engines in a house with a partner that speaks SAML.
func eachSAML(t *testing.T, test func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank), change ...func(*config.Config)) {
	t.Helper()
	webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
		h, bank := webtest.OpenSAML(t, append([]func(*config.Config){on}, change...)...)
		test(t, h, bank)
	})
}

func TestAPersonSignsInBySAMLForTheFirstTimeAndAgain(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		p := h.Person("en-CA")
		p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		bank.SignIn(p, "customer-1").Must("partner-account", http.StatusOK)
		p.Follow("create-account-link").Must("create-account", http.StatusOK)
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
		p.Submit("confirm-email", "code", h.Code(email)).Must("partner-create", http.StatusOK)
		p.Submit("partner-create").Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")

		again := h.Person("fr-CA")
		again.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(again, "customer-1")
		mustLeave(t, again, callback, "code=")
		if came := again.Trail[0]; came.Name() != "partner-returned" || strings.Contains(came.Body, "student-aid") {
			t.Errorf("the bank's form is answered by %s", came.Name())
		}

		other := h.Person("en-CA")
		other.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(other, "customer-2").Must("partner-account", http.StatusOK)
	})
}

// Some products send everything that they know of a person, whether asked or not.
func TestALongAnswerBySAMLIsTakenAndNothingOfItIsKept(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		p := h.Person("en-CA")
		p.Open(webtest.Authorize(webtest.Aid))
		a := bank.Good(bank.GoTo(p), "customer-1")
		a.Attributes = map[string]string{"groups": strings.Repeat("cn=somebody,ou=everywhere;", 1500)}
		form := a.Form(t)
		if n := len(form.Get("SAMLResponse")); n < 64<<10 || n > handover.MaxAnswer {
			t.Fatalf("the answer has %d bytes", n)
		}
		p.Open(bank.PostForm(p, form)).Must("partner-account", http.StatusOK)
	})
}

// R42: what leaves for the bank is the same whatever service the person is on the way to.
func TestARequestBySAMLTellsNothingOfTheService(t *testing.T) {
	h, bank := webtest.OpenSAML(t)
	var seen []string
	for _, from := range []string{webtest.Authorize(webtest.Aid), webtest.Authorize(webtest.Fishing), "/signin"} {
		p := h.Person("en-CA")
		p.Open(from)
		r := bank.GoTo(p)
		for _, word := range []string{"student-aid", "fishing", "callback?", "client"} {
			if strings.Contains(r.XML, word) || strings.Contains(p.Left, word) {
				t.Errorf("from %s: the request says %q", from, word)
			}
		}
		start, _, _ := strings.Cut(r.XML, "IssueInstant")
		_, end, _ := strings.Cut(r.XML, "ProtocolBinding")
		seen = append(seen, strings.ReplaceAll(start, r.ID, "")+end)
	}
	if seen[0] != seen[1] || seen[0] != seen[2] {
		t.Errorf("requests differ by where the person comes from:\n%s", strings.Join(seen, "\n"))
	}
}

func TestARequestByFormIsSentByTheButtonAndItsPageAloneNamesTheBank(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		p := h.Person("en-CA")
		p.Open(webtest.Authorize(webtest.Aid))
		page := p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK)
		if page.Attr("partner-hand-off", "action") != bank.SSO || page.Attr("partner-hand-off", "rel") != "noreferrer" || !page.Has("submit") {
			t.Errorf("the form leads to %q", page.Attr("partner-hand-off", "action"))
		}
		if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+webtest.BankOrigin+";") || strings.Contains(policy, "student-aid") {
			t.Error(policy)
		}
		p.Submit("partner-back")
		if policy := p.Page.Must("sign-in", http.StatusOK).Header.Get("Content-Security-Policy"); strings.Contains(policy, webtest.BankOrigin) {
			t.Errorf("another page names the bank: %s", policy)
		}
		bank.SignIn(p, "customer-1").Must("partner-account", http.StatusOK)
	}, func(c *config.Config) {
		c.Upstreams[0].SAML.Binding = "post"
		c.Upstreams[0].SAML.Metadata = strings.ReplaceAll(c.Upstreams[0].SAML.Metadata, "HTTP-Redirect", "HTTP-POST")
	})
}

func TestEveryAnswerBySAMLThatProvesNothingHasItsPage(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		headings := map[string]string{}
		for name, c := range map[string]struct {
			spoil func(*idptest.Answer)
			like  upstream.Failure
		}{
			"went back":             {func(a *idptest.Answer) { a.Status, a.Second = "Responder", "AuthnFailed" }, upstream.Cancelled},
			"may not be asked":      {func(a *idptest.Answer) { a.Status, a.Second = "Responder", "NoPassive" }, upstream.Refused},
			"out of order":          {func(a *idptest.Answer) { a.Status = "Responder" }, upstream.Outage},
			"unsigned":              {func(a *idptest.Answer) { a.SignAssertion, a.SignResponse = false, false }, upstream.Invalid},
			"by a foreign key":      {func(a *idptest.Answer) { a.Signer = idptest.SignerOf(t, idptest.Key(1)) }, upstream.Invalid},
			"for another service":   {func(a *idptest.Answer) { a.Audience = "https://other.example" }, upstream.Invalid},
			"for another address":   {func(a *idptest.Answer) { a.Recipient = webtest.Origin + "/partner/other/callback" }, upstream.Invalid},
			"of another partner":    {func(a *idptest.Answer) { a.Issuer, a.AssertionIssuer = "urn:other", "urn:other" }, upstream.Invalid},
			"to another request":    {func(a *idptest.Answer) { a.InResponseTo, a.ConfirmsRequest = "_other", "_other" }, upstream.Replay},
			"to no request":         {func(a *idptest.Answer) { a.InResponseTo, a.ConfirmsRequest = "", "" }, upstream.Replay},
			"of a name that leaves": {func(a *idptest.Answer) { a.Format = protocol.FormatTransient }, upstream.Invalid},
		} {
			p := h.Person("en-CA")
			p.Open(webtest.Authorize(webtest.Aid))
			a := bank.Good(bank.GoTo(p), "customer-1")
			c.spoil(&a)
			page := p.Open(bank.Post(p, a)).Must("partner-problem", http.StatusOK)
			if known := headings[string(c.like)]; known != "" && known != page.Heading() {
				t.Errorf("%s: %q, want %q", name, page.Heading(), known)
			}
			headings[string(c.like)] = page.Heading()
			p.Submit("partner-back").Must("sign-in", http.StatusOK)
			bank.SignIn(p, "customer-1").Must("partner-account", http.StatusOK) // the next try is a good one
		}
		seen := map[string]string{}
		for failure, heading := range headings {
			if other, known := seen[heading]; known {
				t.Errorf("%s and %s have one heading", failure, other)
			}
			seen[heading] = failure
		}
	})
}

// Login CSRF, mix-up and replay: whoever brings an answer, it is good in the browser that
// asked for it, for the partner that was asked, and once.
func TestAnAnswerBySAMLIsGoodInItsBrowserAtItsDoorAndOnce(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		mallory := h.Person("en-CA")
		mallory.Open(webtest.Authorize(webtest.Aid))
		answer := bank.Good(bank.GoTo(mallory), "mallory")

		// Mallory's answer in the browser of somebody who is on the way to the bank.
		victim := h.Person("en-CA")
		victim.Open(webtest.Authorize(webtest.Aid))
		bank.GoTo(victim)
		handle := bank.Post(victim, answer)
		victim.Open(handle).Must("partner-unexpected", http.StatusNotFound)
		mallory.Open(handle).Must("partner-unexpected", http.StatusNotFound) // given away already

		// Posted again, it is good in Mallory's browser, once; the address is good once.
		handle = bank.Post(mallory, answer)
		h.Person("en-CA").Open(handle).Must("partner-unexpected", http.StatusNotFound) // no browser of ours: not taken
		mallory.Open(handle).Must("partner-account", http.StatusOK)
		mallory.Open(handle).Must("partner-unexpected", http.StatusNotFound)
		mallory.Open(bank.Post(mallory, answer)).Must("partner-unexpected", http.StatusNotFound)

		// In the same browser for its next request, under its relay state.
		mallory.Open(webtest.Authorize(webtest.Fishing))
		next := bank.GoTo(mallory)
		replayed := answer
		replayed.RelayState = next.RelayState
		mallory.Open(bank.Post(mallory, replayed)).Must("partner-problem", http.StatusOK)

		// Begun by the bank: with no relay state and with one that it made up.
		unasked := bank.Good(idptest.Request{ACS: next.ACS, Issuer: next.Issuer}, "mallory")
		for _, state := range []string{"", webtest.Origin + "/settings", strings.Repeat("s", 81)} {
			form := unasked.Form(t)
			form.Set("RelayState", state)
			victim.Open(bank.PostForm(victim, form)).Must("partner-unexpected", http.StatusNotFound)
		}

		// Too late for the address, at another door, in an address of its own.
		victim.Open(webtest.Authorize(webtest.Fishing))
		good := bank.Good(bank.GoTo(victim), "customer-1")
		handle = bank.Post(victim, good)
		victim.Open(strings.Replace(handle, "/bank/", "/other/", 1)).Must("partner-unexpected", http.StatusNotFound)
		victim.Open(upstream.CallbackPath(webtest.BankID)+"?"+good.Form(t).Encode()).Must("partner-unexpected", http.StatusNotFound)
		h.Clock.Advance(3 * time.Minute)
		victim.Open(handle).Must("partner-unexpected", http.StatusNotFound)
	})
}

// Several nodes share one database: each step may come to another one.
func TestAnAnswerBySAMLIsTakenByWhicheverNodeAndByOneOnly(t *testing.T) {
	address := dbtest.Open(t, db.PostgreSQL).Settings().URL
	on := func(c *config.Config) { c.Database.URL = address }
	one, bank := webtest.OpenSAML(t, on)
	other, same := webtest.OpenSAML(t, on)
	if !bank.Partner.Signing[0].Equal(same.Partner.Signing[0]) || bank.Partner.EntityID != same.Partner.EntityID {
		t.Error("two nodes introduce themselves differently")
	}
	p := one.Person("en-CA")
	at := func(h *webtest.House) {
		h.Clock.Set(one.Clock.Now())
		p.Handler = h.Handler()
	}
	p.Open(webtest.Authorize(webtest.Aid))
	answer := bank.Good(bank.GoTo(p), "customer-1")
	at(other)
	handle := bank.Post(p, answer)
	at(one)
	p.Open(handle).Must("partner-account", http.StatusOK)
	at(other)
	p.Open(handle).Must("partner-unexpected", http.StatusNotFound)
	p.Open(bank.Post(p, answer)).Must("partner-unexpected", http.StatusNotFound)
}

func TestASignInThatThePartnerBeginsStartsOneOfOursWhereItMay(t *testing.T) {
	eachSAML(t, func(t *testing.T, h *webtest.House, bank *webtest.SAMLBank) {
		mallory := h.Person("en-CA")
		mallory.Open(webtest.Authorize(webtest.Aid))
		r := bank.GoTo(mallory)
		for _, state := range []string{"", webtest.Origin + "/settings", r.RelayState} {
			form := bank.Good(idptest.Request{ACS: r.ACS, Issuer: r.Issuer}, "mallory").Form(t)
			form.Set("RelayState", state)
			p := h.Person("en-CA")
			p.Open(bank.PostForm(p, form)).Must("partner-hand-off", http.StatusOK)
			p.Follow("submit")
			p.Open(bank.Post(p, bank.Good(bank.Redirected(p.Left), "customer-1"))).Must("partner-account", http.StatusOK)
		}
	}, func(c *config.Config) { c.Upstreams[0].SAML.IdPInitiated = true })
}

func TestTheDoorForAnswersBySAMLTakesNothingElse(t *testing.T) {
	h, bank := webtest.OpenSAML(t, func(c *config.Config) {
		c.Limits.PartnerIP.Count = 200
		c.Limits.PartnerIP.Window = time.Hour
		c.Upstreams = append(c.Upstreams, upstream.Settings{
			ID: "second", Name: c.Upstreams[0].Name, Issuer: "https://second.test", OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "a-secret-of-the-tests-own"},
		})
	})
	p := h.Person("en-CA")
	p.Header = http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}
	p.Stay = true
	at := upstream.CallbackPath(webtest.BankID)
	for name, c := range map[string]struct {
		address string
		form    url.Values
		status  int
	}{
		"too long":             {at, url.Values{"SAMLResponse": {strings.Repeat("A", 200<<10)}, "RelayState": {"s"}}, http.StatusBadRequest},
		"a little too long":    {at, url.Values{"SAMLResponse": {strings.Repeat("A", handover.MaxAnswer)}, "RelayState": {"s"}}, http.StatusBadRequest},
		"twice":                {at, url.Values{"SAMLResponse": {"A", "B"}, "RelayState": {"s"}}, http.StatusBadRequest},
		"of nobody":            {upstream.CallbackPath("nobody"), url.Values{"SAMLResponse": {"A"}, "RelayState": {"s"}}, http.StatusNotFound},
		"of a partner of OIDC": {upstream.CallbackPath("second"), url.Values{"SAMLResponse": {"A"}, "RelayState": {"s"}}, http.StatusNotFound},
		"a request":            {at, url.Values{"SAMLRequest": {"A"}, "RelayState": {"s"}}, http.StatusSeeOther},
	} {
		page := p.Send(c.address, c.form)
		if page.Status != c.status {
			t.Errorf("%s: %d", name, page.Status)
		}
		if len(page.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a cookie is set for another site's post", name)
		}
	}
	if page := h.Person("en-CA").Open(upstream.MetadataPath("second")); page.Status != http.StatusNotFound {
		t.Errorf("a partner of OIDC has metadata: %d", page.Status)
	}
	// However many answers one address posts, they are counted.
	flood := h.Person("en-CA")
	flood.IP, flood.Stay, flood.Header = "203.0.113.7", true, p.Header
	form := bank.Good(idptest.Request{ID: "_x", ACS: "https://x.example", Issuer: "urn:x", RelayState: "s"}, "x").Form(t)
	last := 0
	for range 300 {
		if last = flood.Send(at, form).Status; last != http.StatusSeeOther {
			break
		}
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("a flood of answers ends with %d", last)
	}
}
