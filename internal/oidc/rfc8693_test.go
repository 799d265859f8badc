package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// chain registers an office whose tokens a hub may exchange for its own resources, and a
// second hub that may exchange those of the first. It gives the person's browser.
func (h *house) chain() *browser {
	h.t.Helper()
	b, _ := h.resourceful()
	for client, from := range map[string]string{"hub": "office", "second-hub": "hub"} {
		h.enroll(client, func(s *relyingparty.Settings) {
			s.GrantTypes, s.Scopes = []string{"authorization_code", protocol.GrantTokenExchange}, nil
			s.Resources = []relyingparty.Resource{{URI: tiles}, {URI: charts, AccessTokens: "jwt"}}
			s.ExchangesFrom = []string{from}
		})
	}
	return b
}

func exchanged(token any, changes ...string) url.Values {
	v := url.Values{"grant_type": {protocol.GrantTokenExchange}, "subject_token_type": {protocol.TypeOfAccessToken}, "resource": {tiles}}
	v.Set("subject_token", token.(string))
	return with(v, changes...)
}

// RFC 8693, 2.2.1 and 4.1: the answer names the type of the token, and the token who acts, each for the one after it.
// RFC 8693, 1.1: the subject stays the person, by the identifier of the service that they signed in to.
func TestATokenIsExchangedForOneThatSaysWhoActs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		first := h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")))["access_token"]
		was := h.told(first)
		h.clock.Advance(time.Minute)
		two := h.ask("hub", exchanged(first))
		if two["issued_token_type"] != protocol.TypeOfAccessToken || two["token_type"] != "Bearer" || two["expires_in"] != float64(14*60) || two["refresh_token"] != nil || two["id_token"] != nil {
			t.Fatalf("%v", two)
		}
		is := h.told(two["access_token"])
		for _, same := range []string{"sub", "acr", "auth_time", "scope", "exp"} {
			if is[same] == nil || is[same] != was[same] {
				t.Errorf("%s was %v and is %v", same, was[same], is[same])
			}
		}
		if act, _ := is["act"].(map[string]any); is["client_id"] != "hub" || is["aud"] != tiles || act["sub"] != "hub" {
			t.Errorf("%v", is)
		}
		three := h.ask("second-hub", exchanged(two["access_token"], "resource", charts, "scope", "openid"))
		claims := h.claims(three["access_token"].(string), "RS256")
		act, _ := claims["act"].(map[string]any)
		before, _ := act["act"].(map[string]any)
		if claims["sub"] != was["sub"] || claims["client_id"] != "second-hub" || claims["aud"] != charts || claims["scope"] != "openid" || act["sub"] != "second-hub" || before["sub"] != "hub" {
			t.Errorf("%v", claims)
		}
		if three["expires_in"] != float64(300) {
			t.Errorf("%v", three)
		}
		for _, tok := range []map[string]any{two, three} {
			if _, status := h.userinfo(tok["access_token"].(string)); status != http.StatusUnauthorized {
				t.Errorf("userinfo: %d", status)
			}
		}
	})
}

// RFC 8693, 2.2.2: what is unacceptable is invalid_request, and a resource that is not registered invalid_target.
// RFC 8693, 5: nothing is escalated: no more scopes, no longer a life, no bearer token of a bound one, no other service's token.
func TestAnExchangeEscalatesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		k := h.holder()
		give := func(proofs ...string) any {
			return h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")), proofs...)["access_token"]
		}
		first := give()
		two := h.ask("hub", exchanged(first, "scope", "openid"))["access_token"]
		refresh := h.first(b, "office")
		for name, c := range map[string]struct {
			client string
			form   url.Values
			want   string
		}{
			"more scopes":                {"hub", exchanged(first, "scope", "openid locale"), "invalid_scope"},
			"more than was exchanged":    {"second-hub", exchanged(two, "scope", "openid email"), "invalid_scope"},
			"another's resource":         {"hub", exchanged(first, "resource", permits), "invalid_target"},
			"userinfo":                   {"hub", exchanged(first, "resource", h.issuer), "invalid_target"},
			"an audience it has not":     {"hub", exchanged(first, "audience", "https://elsewhere.example"), "invalid_target"},
			"no resource":                {"hub", exchanged(first, "resource", ""), "invalid_target"},
			"a blank resource":           {"hub", exchanged(first, "resource", " "), "invalid_target"},
			"a blank audience, too":      {"hub", exchanged(first, "resource", "\t", "audience", " \u00a0"), "invalid_target"},
			"a service it may not":       {"second-hub", exchanged(first), "invalid_request"},
			"no token":                   {"hub", exchanged("x"), "invalid_request"},
			"a refresh token":            {"hub", exchanged(refresh["refresh_token"]), "invalid_request"},
			"an ID token":                {"hub", exchanged(refresh["id_token"]), "invalid_request"},
			"another type":               {"hub", exchanged(first, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), "invalid_request"},
			"a refresh token in return":  {"hub", exchanged(first, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
			"an actor that is not known": {"hub", exchanged(first, "actor_token", "x", "actor_token_type", protocol.TypeOfAccessToken), "invalid_request"},
			"a client not registered":    {"office", exchanged(first), "unauthorized_client"},
		} {
			if out := h.ask(c.client, c.form); out["error"] != c.want || out["access_token"] != nil {
				t.Errorf("%s: %v, want %s", name, out, c.want)
			}
		}
		bound := give(k.proof("POST", "/token"))
		if out := h.ask("hub", exchanged(bound)); out["error"] != "invalid_dpop_proof" {
			t.Errorf("a bound token for a bearer token: %v", out)
		}
		own := h.holder()
		if out := h.ask("hub", exchanged(bound), own.proof("POST", "/token")); out["token_type"] != "DPoP" || h.told(out["access_token"])["cnf"] == nil {
			t.Errorf("%v", out)
		}
		h.clock.Advance(15 * time.Minute)
		if out := h.ask("hub", exchanged(first)); out["error"] != "invalid_request" {
			t.Errorf("an expired token: %v", out)
		}
	})
}

// RFC 8693, 1.1: what comes of a token goes on only while that is good.
// RFC 9700, 4.14.2: what ends a sign-in ends what came of it, however far it went.
func TestWhatCameOfATokenEndsWithIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		for name, end := range map[string]func(first any){
			"the token": func(first any) {
				if out, status := h.call("/revoke", "hub", url.Values{"token": {first.(string)}}); status != http.StatusBadRequest {
					t.Errorf("the actor ends the token of the subject: %d %v", status, out)
				}
				h.call("/revoke", "office", url.Values{"token": {first.(string)}})
			},
			"the sign-in": func(any) { h.write(func(tx *db.Tx) error { return h.grants.EndParty(tx, "office") }) },
			"the actor":   func(any) { h.write(func(tx *db.Tx) error { return h.grants.EndParty(tx, "hub") }) },
		} {
			first := h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")))["access_token"]
			two := h.ask("hub", exchanged(first))["access_token"]
			three := h.ask("second-hub", exchanged(two))["access_token"]
			if name == "the actor" {
				three = two // what others got from it is refused when it is disabled
			}
			if second.told(three)["active"] != true {
				t.Fatalf("%s: %v", name, second.told(three))
			}
			end(first)
			for which, token := range map[string]any{"the second": two, "the third": three} {
				if out := second.told(token); out["active"] != false {
					t.Errorf("%s ended: %s: %v", name, which, out)
				}
			}
			if out := h.ask("second-hub", exchanged(two)); out["error"] != "invalid_request" {
				t.Errorf("%s ended: %v", name, out)
			}
		}
		first := h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")))["access_token"]
		three := h.ask("second-hub", exchanged(h.ask("hub", exchanged(first))["access_token"]))["access_token"]
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, id.RelyingParty("hub")) })
		check(t, h.registry.Refresh(t.Context()))
		if out := h.told(three); out["active"] != false {
			t.Errorf("an actor in the middle is disabled: %v", out)
		}
	})
}

// RFC 8693, 2.2.1: the new token is of the form that its resource is registered for.
// RFC 9068, 2.2: a readable token that was exchanged is signed like every other, and typed.
func TestAnExchangedTokenCanBeReadable(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		first := h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")))["access_token"]
		out := h.ask("hub", exchanged(first, "resource", charts))
		_, head, err := h.keyring.Set().Verify(out["access_token"].(string), jose.RS256)
		if err != nil || head.Type != "at+jwt" || h.told(out["access_token"])["active"] != true {
			t.Errorf("%v %v %v", out, head, err)
		}
	})
}

// What a request of an exchange may say.
func TestAnExchangeIsAskedForByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		first := h.ask("office", exchange(b.authorize(wanting(request("office"), permits)).answer(t).Get("code")))["access_token"]
		for requirement, c := range map[string]struct {
			form url.Values
			want string // "" for a token
		}{
			"RFC 8693, 2.1: subject_token is required":                                              {exchanged("", "subject_token", ""), "invalid_request"},
			"RFC 8693, 2.1: subject_token_type is required":                                         {exchanged(first, "subject_token_type", ""), "invalid_request"},
			"RFC 8693, 2.1: actor_token_type without an actor_token is refused":                     {exchanged(first, "actor_token_type", protocol.TypeOfAccessToken), "invalid_request"},
			"RFC 8693, 2.1: an actor_token that is not supported is refused, and not left out":      {exchanged(first, "actor_token", first.(string)), "invalid_request"},
			"RFC 8693, 2.1: requested_token_type may name an access token":                          {exchanged(first, "requested_token_type", protocol.TypeOfAccessToken), ""},
			"RFC 8693, 2.1: requested_token_type of what is not given is refused":                   {exchanged(first, "requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), "invalid_request"},
			"RFC 8693, 2.1: audience names the service that the token is for":                       {exchanged(first, "resource", "", "audience", tiles), ""},
			"RFC 8693, 2.1: resource must be an absolute URI without a fragment":                    {exchanged(first, "resource", tiles+"#x"), "invalid_target"},
			"RFC 8693, 2.2.2: an audience that is not registered is invalid_target":                 {exchanged(first, "audience", "https://elsewhere.example/"), "invalid_target"},
			"RFC 8693, 2.1: scope asks for fewer scopes than the subject token has, and never more": {exchanged(first, "scope", "openid locale"), "invalid_scope"},
			"RFC 8693, 3: a type of token that is not known is refused":                             {exchanged(first, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		} {
			t.Run(requirement, func(t *testing.T) {
				out := h.ask("hub", c.form)
				if c.want != "" && (out["error"] != c.want || out["access_token"] != nil) {
					t.Errorf("%v, want %s", out, c.want)
				}
				if c.want == "" && (out["access_token"] == nil || out["issued_token_type"] != protocol.TypeOfAccessToken || h.told(out["access_token"])["aud"] != tiles) {
					t.Errorf("%v", out)
				}
			})
		}
		t.Run("RFC 8693, 2.2.1: scope is told when it differs from what was asked for, and fewer scopes make a narrower token", func(t *testing.T) {
			out := h.ask("hub", exchanged(first, "scope", "openid"))
			if out["scope"] != "openid" || h.told(out["access_token"])["scope"] != "openid" {
				t.Errorf("%v", out)
			}
		})
		t.Run("RFC 8693, 5: nobody exchanges tokens who is not registered for it, and no public client", func(t *testing.T) {
			if out := h.ask("service", exchanged(first)); out["error"] != "unauthorized_client" {
				t.Errorf("%v", out)
			}
			v := exchanged(first)
			v.Set("client_id", "public")
			if out, status := h.call("/token", "", v); status != http.StatusBadRequest || out["error"] != "unauthorized_client" {
				t.Errorf("%d %v", status, out)
			}
		})
		t.Run("RFC 8693, 2.2.1: the answer is not kept, and says how the token is used and how long", func(t *testing.T) {
			v := exchanged(first)
			got := h.post("/token", v, "Authorization", basic("hub", password))
			if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got.text, `"token_type":"Bearer"`) || !strings.Contains(got.text, `"expires_in":`) {
				t.Errorf("%d %v %s", got.StatusCode, got.Header, got.text)
			}
		})
	})
}
