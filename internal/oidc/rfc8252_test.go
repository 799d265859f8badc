package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/relyingparty"
)

// at is the code of an answer to an address of an application.
func (r reply) at(t *testing.T, uri string) string {
	t.Helper()
	query, ok := strings.CutPrefix(r.Header.Get("Location"), uri+"?")
	if !ok || r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Location"))
	}
	v, err := url.ParseQuery(query)
	check(t, err)
	return v.Get("code")
}

// confirms plays the page "Continue as", or that of a sign-in on this flow.
func (b *browser) confirms(fid id.Flow) {
	b.h.t.Helper()
	b.h.write(func(tx *db.Tx) error {
		f, err := b.h.flows.Load(tx, fid, digestOf(b))
		if err != nil {
			return err
		}
		s, err := b.h.sessions.Find(tx, b.cookies["__Host-parvis_session"])
		f.State.Progress.Confirmed = s.ID
		if err == nil {
			_, err = b.h.flows.Save(tx, f)
		}
		return err
	})
}

// agrees plays the consent page of a flow that asks each time, for who is signed in.
func (b *browser) agrees(fid id.Flow) {
	b.h.t.Helper()
	b.h.write(func(tx *db.Tx) error {
		f, err := b.h.flows.Load(tx, fid, digestOf(b))
		if err != nil {
			return err
		}
		s, err := b.h.sessions.Find(tx, b.cookies["__Host-parvis_session"])
		if err != nil {
			return err
		}
		f.State.Progress.Consented, f.State.Progress.Consenter = b.h.clock.Now().UnixMilli(), s.Account
		_, err = b.h.flows.Save(tx, f)
		return err
	})
}

// RFC 8252, 7.1: a scheme of the application itself is a redirect address.
// RFC 8252, 7.3: a loopback address has any port.
// RFC 8252, 8.1: a native application is a public client, and uses PKCE.
// RFC 8252, 8.4: an address is compared whole, but for the port of the loopback.
func TestANativeApplicationIsAnsweredAtItsAddresses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, b := h.person("anna@example.org"), h.browser()
		h.consent(a, "native", claim.Email)
		for _, uri := range []string{"http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "ca.example.app:/cb"} {
			fid := b.authorize(request("native", "redirect_uri", uri)).flow(t)
			b.get("/authorize/finish/" + string(fid)) // binds
			b.signIn(a, fid)
			b.confirms(fid)
			code := b.get("/authorize/finish/"+string(fid)).at(t, uri)
			if tok := h.asClient("", exchange(code, "client_id", "native", "redirect_uri", uri)); tok.status != http.StatusOK {
				t.Errorf("%s: %+v", uri, tok)
			}
		}
		for _, uri := range []string{
			"http://127.0.0.1:51004/cb/x", "http://127.0.0.1:51004/", "http://127.0.0.1:51004/cb?x=1", "http://localhost:51004/cb", "http://[::1]:51004/cb",
			"https://127.0.0.1:51004/cb", "http://127.0.0.1:51004.evil.example/cb", "http://127.0.0.1:51004@evil.example/cb", "ca.example.app:/cb2", "ca.example.app://cb", "CA.EXAMPLE.APP:/cb",
		} {
			if got := b.authorize(request("native", "redirect_uri", uri)); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", uri, got.StatusCode, got.Header.Get("Location"))
			}
		}
		if got := b.authorize(request("native", "redirect_uri", "ca.example.app:/cb", "code_challenge", "", "code_challenge_method", "")); !strings.Contains(got.Header.Get("Location"), "error=invalid_request") {
			t.Errorf("without PKCE: %s", got.Header.Get("Location"))
		}
	})
}

// RFC 8252, 8.6: who is signed in already is asked by a page each time an application wants to be told that nothing tells from another; an application with an https address is not in question.
// RFC 6749, 10.2: no code is given without the person to a client that nothing shows to be the one it says.
func TestAnApplicationThatNothingAssuresIsGivenNothingWithoutThePerson(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(func(tx *db.Tx) error {
			for _, s := range parties() {
				if s.ID == "native" {
					s.ID, s.RedirectURIs = "claimed", []string{"https://app.example/cb"}
					return h.store.Create(tx, s, nil)
				}
			}
			return nil
		})
		check(t, h.registry.Refresh(t.Context()))
		b, _ := h.agreed("native", "claimed")
		h.clock.Advance(time.Second)
		for _, uri := range []string{"http://127.0.0.1:51004/cb", "ca.example.app:/cb"} {
			none := b.authorize(request("native", "redirect_uri", uri, "prompt", "none")).Header.Get("Location")
			if !strings.HasPrefix(none, uri+"?error=interaction_required&") {
				t.Errorf("prompt=none: %s", none)
			}
			fid := b.authorize(request("native", "redirect_uri", uri)).flow(t)
			finish := "/authorize/finish/" + string(fid)
			if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Fatalf("%s: nobody was asked: %s", uri, to)
			}
			b.confirms(fid)
			if b.get(finish).at(t, uri) == "" {
				t.Errorf("%s: no code after the page", uri)
			}
		}
		if b.authorize(request("claimed", "redirect_uri", "https://app.example/cb")).at(t, "https://app.example/cb") == "" {
			t.Error("an https address asks a person who agreed")
		}
	})
}

// RFC 8252, 8.5: an application on people's devices whose secret is the same on each counts as a public client: nobody is told of a sign-in without the person.
// RFC 8252, 8.1: it uses PKCE, whatever its registration says.
// RFC 9700, 2.2.2: it is given another refresh token each time.
func TestASecretThatEveryDeviceHasAssuresNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("shipped", func(s *relyingparty.Settings) {
			s.Type, s.PKCE, s.RedirectURIs = "native", "optional", []string{"http://127.0.0.1/cb", "https://app.example/cb"}
		})
		a, b := h.person("anna@example.org"), h.browser()
		h.consent(a, "shipped", claim.Email, claim.ScopeOffline)
		b.signIn(a, "")
		h.clock.Advance(time.Second)
		const uri = "http://127.0.0.1:51004/cb"
		for name, c := range map[string]struct{ code, prompt, challenge string }{
			"prompt=none":  {"interaction_required", "none", request("")["code_challenge"][0]},
			"without PKCE": {"invalid_request", "", ""},
		} {
			method := "S256"
			if c.challenge == "" {
				method = ""
			}
			got := b.authorize(request("shipped", "redirect_uri", uri, "prompt", c.prompt, "code_challenge", c.challenge, "code_challenge_method", method))
			if to := got.Header.Get("Location"); !strings.HasPrefix(to, uri+"?error="+c.code+"&") {
				t.Errorf("%s: %s", name, to)
			}
		}
		fid := b.authorize(request("shipped", "redirect_uri", uri)).flow(t)
		finish := "/authorize/finish/" + string(fid)
		if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Fatalf("nobody was asked: %s", to)
		}
		b.confirms(fid)
		if b.get(finish).at(t, uri) == "" {
			t.Error("no code after the page")
		}
		const claimed = "https://app.example/cb"
		code := b.authorize(request("shipped", "redirect_uri", claimed, "scope", offline)).at(t, claimed)
		one := h.ask("shipped", exchange(code, "redirect_uri", claimed))
		two := h.again("shipped", one["refresh_token"])
		if two["error"] != nil || two["refresh_token"] == one["refresh_token"] {
			t.Errorf("the refresh token is the same again: %v", two["error"])
		}
	})
}
