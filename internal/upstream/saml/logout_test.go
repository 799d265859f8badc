package saml

import (
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
	"parvis/internal/upstream/saml/idptest"
)

// bindings are both, as the partner offers them.
func bothBindings() []protocol.Binding {
	return []protocol.Binding{protocol.RedirectBinding, protocol.PostBinding}
}

// hangsUp gives the partner an address for logout, and lets the two learn of each other.
func (h *house) hangsUp(bindings ...protocol.Binding) *upstream.Provider {
	h.t.Helper()
	h.idp.SLO, h.idp.Logout = h.server.URL+"/slo", bindings
	h.clock.Advance(2 * time.Hour) // the metadata is asked for again
	p := h.provider()
	h.introduce(p)
	return p
}

func there() upstream.Presence {
	return upstream.Presence{Subject: "customer-1", Index: "_session", Format: protocol.FormatPersistent}
}

func (h *house) leave(p *upstream.Provider, whom upstream.Presence) (upstream.Pending, idptest.Leaving) {
	h.t.Helper()
	out, err := h.c.Leave(h.t.Context(), p, whom)
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Pending, h.idp.Leaves(out.URL, out.Form)
}

// by is a message as a binding brings it.
func by(t *testing.T, binding protocol.Binding, g idptest.Goodbye) upstream.Answer {
	t.Helper()
	if binding == protocol.PostBinding {
		return upstream.Answer{Params: g.Form(t)}
	}
	query := g.Query(t)
	params, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return upstream.Answer{Params: params, RawQuery: query}
}

// R42, and core 2.2.2: the name comes back as the partner wrote it, and nothing else goes.
func TestARequestToSignOutNamesThePersonAsThePartnerDidAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, binding := range bothBindings() {
			p := h.hangsUp(binding)
			pending, r := h.begin(p, upstream.Ask{})
			a := h.idp.Good(r, "customer-1")
			a.Qualified, a.SessionIndex = true, "_their session"
			came, err := h.finish(p, pending, a)
			if err != nil {
				t.Fatal(err)
			}
			asked, l := h.leave(p, came.Presence)
			want := `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="` + h.idp.SLO + `" ID="" IssueInstant="` +
				h.clock.Now().UTC().Format(time.RFC3339) + `" NotOnOrAfter="` + h.clock.Now().Add(5*time.Minute).UTC().Format(time.RFC3339) + `" Version="2.0">` +
				`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://sign-in.example.org/partner/bank/metadata</saml:Issuer>` +
				`<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="` + h.idp.EntityID +
				`" SPNameQualifier="https://sign-in.example.org/partner/bank/metadata">customer-1</saml:NameID><samlp:SessionIndex>_their session</samlp:SessionIndex></samlp:LogoutRequest>`
			got := strings.ReplaceAll(l.XML, asked.Request, "")
			if start := strings.Index(got, "<ds:Signature"); start >= 0 { // of a form
				end := strings.Index(got, "</ds:Signature>")
				got = got[:start] + got[end+len("</ds:Signature>"):]
			}
			if got != want {
				t.Errorf("%s: the request is\n%s\nwant\n%s", binding, got, want)
			}
			if l.RelayState != asked.State || l.ID != asked.Request || len(l.RelayState) > protocol.MaxRelayState || asked.Provider != p.ID {
				t.Errorf("%s: %+v", binding, asked)
			}
			other, again := h.leave(p, upstream.Presence{Subject: "customer-1", Format: protocol.FormatUnspecified})
			if other.Request == asked.Request || other.State == asked.State || len(again.Sessions) != 0 || again.NameQualifier+again.SPNameQualifier != "" || again.Format != protocol.FormatUnspecified {
				t.Errorf("%s: a name of another kind: %+v", binding, again)
			}
		}
	})
}

func TestTheAnswerToASignOutIsHeldToEachRule(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.hangsUp(bothBindings()...)
		for _, binding := range bothBindings() {
			for name, c := range map[string]struct {
				spoil func(*idptest.Goodbye)
				want  string // "" for everywhere
			}{
				"good":                   {func(*idptest.Goodbye) {}, ""},
				"not everywhere":         {func(g *idptest.Goodbye) { g.Second = "PartialLogout" }, "partly"},
				"not everywhere, failed": {func(g *idptest.Goodbye) { g.Status, g.Second = "Responder", "PartialLogout" }, "partly"},
				"a no":                   {func(g *idptest.Goodbye) { g.Status, g.Second = "Responder", "RequestDenied" }, "refused"},
				"a fault of ours":        {func(g *idptest.Goodbye) { g.Status = "Requester" }, "refused"},
				"out of order":           {func(g *idptest.Goodbye) { g.Status = "Responder" }, "outage"},
				"unsigned":               {func(g *idptest.Goodbye) { g.Signer = nil }, "invalid"},
				"by another partner":     {func(g *idptest.Goodbye) { g.Signer = idptest.SignerOf(t, idptest.Key(1)) }, "invalid"},
				"of another issuer":      {func(g *idptest.Goodbye) { g.Issuer = "urn:other" }, "invalid"},
				"for another address":    {func(g *idptest.Goodbye) { g.Destination = "https://other.example/slo" }, "invalid"},
				"for no address":         {func(g *idptest.Goodbye) { g.Destination = "" }, "invalid"},
				"to another request":     {func(g *idptest.Goodbye) { g.InResponseTo = "_other" }, "replay"},
				"to no request":          {func(g *idptest.Goodbye) { g.InResponseTo = "" }, "replay"},
				"with another state":     {func(g *idptest.Goodbye) { g.RelayState = "other" }, "replay"},
				"without state":          {func(g *idptest.Goodbye) { g.RelayState = "" }, "replay"},
				"long ago":               {func(g *idptest.Goodbye) { g.Issued = g.Issued.Add(-2 * time.Hour) }, "invalid"},
				"from the future":        {func(g *idptest.Goodbye) { g.Issued = g.Issued.Add(time.Hour) }, "invalid"},
				"a request, not an answer": {func(g *idptest.Goodbye) {
					*g = h.idp.EndsFor("customer-1")
					g.RelayState = ""
				}, "replay"},
			} {
				pending, l := h.leave(p, there())
				g := h.idp.Ended(l)
				c.spoil(&g)
				partly, err := h.c.Left(t.Context(), p, pending, by(t, binding, g))
				got := string(upstream.FailureOf(err))
				if partly {
					got = "partly"
				}
				if got != c.want || err != nil && got == "" {
					t.Errorf("%s by %s: %q, %v", name, binding, got, err)
				}
			}
		}
	})
}

func TestAPartnersRequestToSignOutIsHeldToEachRule(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.hangsUp(bothBindings()...)
		for _, binding := range bothBindings() {
			for name, spoil := range map[string]func(*idptest.Goodbye){
				"unsigned":                func(g *idptest.Goodbye) { g.Signer = nil },
				"by another partner":      func(g *idptest.Goodbye) { g.Signer = idptest.SignerOf(t, idptest.Key(1)) },
				"of another issuer":       func(g *idptest.Goodbye) { g.Issuer = "urn:other" },
				"for another address":     func(g *idptest.Goodbye) { g.Destination = "https://sign-in.example.org/partner/other/logout" },
				"for no address":          func(g *idptest.Goodbye) { g.Destination = "" },
				"over":                    func(g *idptest.Goodbye) { g.Ends = g.Issued.Add(-p.Skew) },
				"long ago":                func(g *idptest.Goodbye) { g.Issued, g.Ends = g.Issued.Add(-2*time.Hour), time.Time{} },
				"from the future":         func(g *idptest.Goodbye) { g.Issued = g.Issued.Add(time.Hour) },
				"of nobody":               func(g *idptest.Goodbye) { g.Subject = "" },
				"of a name that leaves":   func(g *idptest.Goodbye) { g.Format = protocol.FormatTransient },
				"of an address":           func(g *idptest.Goodbye) { g.Format = protocol.FormatEmail },
				"of somebody else's":      func(g *idptest.Goodbye) { g.SPNameQualifier = "https://other.example/sp" },
				"an answer, no request":   func(g *idptest.Goodbye) { g.Answer, g.Status, g.InResponseTo = true, "Success", "_x" },
				"of a session of no name": func(g *idptest.Goodbye) { g.Sessions = []string{""} },
			} {
				g := h.idp.EndsFor("customer-1", "_session")
				spoil(&g)
				d, err := h.c.Departing(t.Context(), p, by(t, binding, g))
				if upstream.FailureOf(err) != upstream.Invalid || d.Subject != "" {
					t.Errorf("%s by %s: %+v, %v", name, binding, d, err)
				}
			}
			g := h.idp.EndsFor("customer-1", "_one", "_two")
			d, err := h.c.Departing(t.Context(), p, by(t, binding, g))
			if err != nil || d.Subject != "customer-1" || !slices.Equal(d.Indexes, []string{"_one", "_two"}) || d.ID != g.ID || d.Issuer != p.Issuer ||
				d.State != "theirs" || !d.Until.Equal(g.Ends.Add(p.Skew)) {
				t.Errorf("the good one by %s: %+v, %v", binding, d, err)
			}
			back, err := h.c.Departed(t.Context(), p, d)
			if err != nil {
				t.Fatal(err)
			}
			l := h.idp.Leaves(back.URL, back.Form)
			if back.Form != nil || l.Name != "LogoutResponse" || l.InResponseTo != g.ID || l.RelayState != "theirs" || l.Destination != h.idp.SLO ||
				l.Issuer != h.c.entityID(p) || !slices.Equal(l.Statuses, []string{"Success"}) || strings.Contains(l.XML, "customer-1") {
				t.Errorf("our answer: %+v", l)
			}
		}
		twice := by(t, protocol.PostBinding, h.idp.EndsFor("customer-1"))
		twice.Params["SAMLRequest"] = append(twice.Params["SAMLRequest"], twice.Params["SAMLRequest"]...)
		if _, err := h.c.Departing(t.Context(), p, twice); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("a field twice: %v", err)
		}
	})
}

// A partner that changes its keys signs people out with the new ones at once.
func TestAKeyThatIsNewIsFetchedForALogout(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.hangsUp(protocol.PostBinding)
		if _, err := h.c.Departing(t.Context(), p, by(t, protocol.RedirectBinding, h.idp.EndsFor("customer-1"))); err != nil {
			t.Fatal(err)
		}
		h.idp.Signer = idptest.SignerOf(t, idptest.Key(2))
		d, err := h.c.Departing(t.Context(), p, by(t, protocol.RedirectBinding, h.idp.EndsFor("customer-1")))
		if err != nil {
			t.Fatal(err)
		}
		// It takes answers by form only: they wait for a button.
		if back, err := h.c.Departed(t.Context(), p, d); err != nil || back.Form.Get("SAMLResponse") == "" || back.URL != h.idp.SLO {
			t.Errorf("%+v, %v", back, err)
		}
	})
}

func TestSigningOutThereIsOfferedWhereThePartnerHasIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		if h.c.SignOut(p, "") != "" {
			t.Error("offered although nothing is known of the partner")
		}
		h.introduce(p)
		if h.idp.Partner.SLO != "https://sign-in.example.org/partner/bank/logout" {
			t.Errorf("our metadata announces %q", h.idp.Partner.SLO)
		}
		if _, err := h.c.partner(t.Context(), p); err != nil || h.c.SignOut(p, "") != "" {
			t.Errorf("offered without an address: %v", err)
		}
		if _, err := h.c.Leave(t.Context(), p, there()); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("without an address: %v", err)
		}
		p = h.hangsUp(protocol.RedirectBinding)
		if _, err := h.c.partner(t.Context(), p); err != nil || h.c.SignOut(p, i18n.French) != "/partner/bank/sign-out" {
			t.Errorf("not offered: %v", err)
		}
		h.settings.SAML.Logout = upstream.Off
		off := h.provider()
		if h.c.SignOut(off, "") != "" {
			t.Error("offered although it is off")
		}
		h.introduce(off)
		if h.idp.Partner.SLO != "" {
			t.Error("announced although it is off")
		}
		h.settings.SAML = upstream.SAMLSettings{
			SSOURL: "https://partner.test/sso", SLOURL: "https://partner.test/slo", Binding: "post", Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.idp.Signer.Certificate().Raw})),
		}
		hand := h.provider()
		_, l := h.leave(hand, there())
		if h.c.SignOut(hand, "") == "" || l.Destination != "https://partner.test/slo" {
			t.Errorf("by hand: %+v", l)
		}
	})
}

// Whatever a browser brings, it ends nobody's session unless the partner made it.
func FuzzMessagesOfLogoutOfStrangersEndNothing(f *testing.F) {
	clock := dbtest.NewClock()
	idp := idptest.New(f, "https://partner.test", clock.Now)
	idp.SLO, idp.Logout = "https://partner.test/slo", bothBindings()
	settings := upstream.Settings{
		ID: "bank", Protocol: "saml", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: idp.EntityID,
		SAML: upstream.SAMLSettings{Metadata: idp.MetadataOf()},
	}
	p, problems := settings.Build()
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	c := &Consumer{BaseURL: "https://sign-in.example.org", Now: clock.Now}
	idp.Partner.SLO = c.logoutAddress(p)
	foreign := idp.EndsFor("customer-1", "_session")
	foreign.Signer = idptest.SignerOf(f, idptest.Key(1))
	answer := idp.Ended(idptest.Leaving{ID: "_request", RelayState: "state"})
	answer.Signer = foreign.Signer
	for _, g := range []idptest.Goodbye{foreign, answer} {
		f.Add(g.XML(f), false)
		f.Add(g.Query(f), true)
		g.Signer = nil
		f.Add(g.XML(f), false)
		f.Add(g.Query(f), true)
	}
	f.Add("SAMLRequest=&RelayState=state", true)
	pending := upstream.Pending{Provider: p.ID, Issuer: p.Issuer, State: "state", Request: "_request", At: clock.Now()}
	f.Fuzz(func(t *testing.T, text string, redirect bool) {
		for _, field := range []string{"SAMLRequest", "SAMLResponse"} {
			a := upstream.Answer{Params: url.Values{"RelayState": {"state"}, field: {base64.StdEncoding.EncodeToString([]byte(text))}}}
			if redirect {
				a.RawQuery = text
			}
			if d, err := c.Departing(t.Context(), p, a); err == nil || d.Subject != "" || upstream.FailureOf(err) == "" {
				t.Errorf("%v: %q", err, text)
			}
			if _, err := c.Left(t.Context(), p, pending, a); err == nil || upstream.FailureOf(err) == "" {
				t.Errorf("%v: %q", err, text)
			}
		}
	})
}
