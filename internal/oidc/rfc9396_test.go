package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

const fee = `[{"type":"fee","amount":{"currency":"CAD","value":12.5},"for":"Licence 2026"},{"type":"read","what":["permits"]}]`

// payments are what an office may ask people to allow.
func payments() []relyingparty.DetailType {
	return []relyingparty.DetailType{
		{Type: "fee", Title: i18n.Text{"en": "Pay a fee"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount"}, "for": {"en": "For"}}},
		{Type: "read", Title: i18n.Text{"en": "Read"}, Fields: map[string]i18n.Text{"what": {"en": "What"}}},
	}
}

// payable is a browser of a person at an office that may ask them to allow fees.
func (h *house) payable() (*browser, id.Account) {
	h.t.Helper()
	h.enroll("office", func(s *relyingparty.Settings) {
		s.AccessTokens = "jwt"
		s.DetailTypes = payments()
	})
	a := h.person("anna@example.org")
	h.consent(a, "office", claim.Email, claim.ScopeOffline)
	b := h.browser()
	b.signIn(a, "")
	return b, a
}

// RFC 9396, 4: what exactly is allowed is asked of the person each time.
// RFC 9396, 7 and 9: it is told with the token, in it, and by introspection.
func TestWhatIsAllowedExactlyIsAskedEachTimeAndTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.payable()
		b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
		ask := func(changes ...string) reply {
			return b.authorize(request("office", append([]string{"scope", offline, "authorization_details", fee}, changes...)...))
		}
		if got := ask("prompt", "none").answer(t); got.Get("error") != "consent_required" {
			t.Errorf("%v", got)
		}
		agree := func(r reply) string {
			t.Helper()
			f := r.flow(t)
			b.agrees(f)
			return b.get("/authorize/finish/" + string(f)).answer(t).Get("code")
		}
		tok := h.ask("office", exchange(agree(ask())))
		want := list(t, fee)
		same := func(name string, got any) {
			t.Helper()
			text, err := json.Marshal(got)
			check(t, err)
			if have, err := json.Marshal(want); err != nil || string(text) != string(have) {
				t.Errorf("%s: %s, want %s", name, text, have)
			}
		}
		same("answer", tok["authorization_details"])
		same("token", h.claims(tok["access_token"].(string), "RS256")["authorization_details"])
		same("introspection", h.told(tok["access_token"])["authorization_details"])
		if f := ask().flow(t); f == "" {
			t.Error("the second time nobody is asked")
		}
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
		same("renewal", h.ask("office", again)["authorization_details"])
		again.Set("authorization_details", `[{"what":["permits"],"type":"read"}]`)
		less := h.ask("office", again)
		want = list(t, `[{"type":"read","what":["permits"]}]`)
		same("less", less["authorization_details"])
		same("less, told", h.told(less["access_token"])["authorization_details"])
		for _, more := range []string{`[{"type":"read","what":["all"]}]`, `[{"type":"fee","amount":1}]`, "x"} {
			again.Set("authorization_details", more)
			if out := h.ask("office", again); out["error"] != "invalid_authorization_details" {
				t.Errorf("%s: %v", more, out)
			}
		}
	})
}

func list(t *testing.T, text string) (out []any) {
	t.Helper()
	check(t, json.Unmarshal([]byte(text), &out))
	return out
}

// RFC 9396, 5: types that are not registered for the client are refused, at every door.
func TestWhatIsNotRegisteredIsNotAskedOfPeople(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.payable()
		h.consent(h.person("ben@example.org"), "service", claim.Email)
		for client, raw := range map[string]string{"service": fee, "office": `[{"type":"fee","iban":"x"}]`} {
			v := request(client, "authorization_details", raw)
			if got := b.authorize(v).answer(t); got.Get("error") != "invalid_authorization_details" {
				t.Errorf("%s: %v", client, got)
			}
			if out, status := h.call("/par", client, v); status != http.StatusBadRequest || out["error"] != "invalid_authorization_details" {
				t.Errorf("%s pushed: %d %v", client, status, out)
			}
		}
	})
}

// RFC 9396, 10: the document names the types, those of services that are disabled no longer.
func TestTheDocumentNamesTheTypesOfDetails(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		types := func() []string {
			var doc struct {
				Types []string `json:"authorization_details_types_supported"`
			}
			check(t, json.Unmarshal([]byte(h.browser().get("/.well-known/oauth-authorization-server").text), &doc))
			return doc.Types
		}
		if got := types(); got != nil {
			t.Errorf("before: %v", got)
		}
		h.payable()
		if got := types(); !slices.Equal(got, []string{"fee", "read"}) {
			t.Errorf("after: %v", got)
		}
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "office") })
		check(t, h.registry.Refresh(t.Context()))
		if got := types(); got != nil {
			t.Errorf("disabled: %v", got)
		}
	})
}

func TestEachRuleOfAuthorizationDetails(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.payable()
		b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
		t.Run("RFC 9396, 5: what is no list of objects with a known type and known members of their types is refused", func(t *testing.T) {
			for name, raw := range map[string]string{
				"no JSON": "fee", "an object": `{"type":"fee"}`, "an empty list": `[]`, "texts": `["fee"]`, "no type": `[{"amount":1}]`, "a type that is no text": `[{"type":1}]`, "an unknown type": `[{"type":"transfer"}]`,
				"an unknown member": `[{"type":"fee","iban":"x"}]`, "one good and one bad": `[{"type":"fee","amount":1},{"type":"x"}]`, "null": `[{"type":"fee","amount":null}]`, "two lists": `[{"type":"fee"}][]`,
				"what turns the text around": "[{\"type\":\"fee\",\"for\":\"a\u202eb\"}]", "too many": "[" + strings.Repeat(`{"type":"fee"},`, 5) + `{"type":"fee"}]`,
				"too long": `[{"type":"fee","for":"` + strings.Repeat("x", 201) + `"}]`, "too deep": `[{"type":"fee","for":[[[["x"]]]]}]`, "a bomb": `[{"type":"fee","for":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}]`,
			} {
				if p := h.push("office", request("office", "authorization_details", raw)); p.status != http.StatusBadRequest || p.Error != "invalid_authorization_details" {
					t.Errorf("%s: %+v", name, p)
				}
			}
		})
		t.Run("RFC 9396, 3: they come in pushed requests and beside scope", func(t *testing.T) {
			p := h.push("office", request("office", "authorization_details", fee))
			if p.status != http.StatusCreated {
				t.Fatalf("%+v", p)
			}
			if f := b.authorize(named("office", p)).flow(t); f == "" {
				t.Error("nobody is asked")
			}
		})
		t.Run("RFC 9396, 6: nobody is asked what a service wants to do for itself", func(t *testing.T) {
			h.enroll("worker", func(s *relyingparty.Settings) {
				s.GrantTypes, s.OwnScopes, s.DetailTypes = append(s.GrantTypes, protocol.GrantClientCredentials), []string{"fees.read"}, payments()
			})
			own := url.Values{"grant_type": {"client_credentials"}, "authorization_details": {fee}}
			if out := h.ask("worker", own); out["error"] != "invalid_authorization_details" || out["access_token"] != nil {
				t.Errorf("%v", out)
			}
			own.Del("authorization_details")
			if out := h.ask("worker", own); out["access_token"] == nil || out["authorization_details"] != nil {
				t.Errorf("without: %v", out)
			}
		})
		t.Run("RFC 9396, 6: the token request of a code asks for what was granted, or some of it; more is refused, and the code is good still", func(t *testing.T) {
			f := b.authorize(request("office", "authorization_details", fee)).flow(t)
			b.agrees(f)
			code := b.get("/authorize/finish/" + string(f)).answer(t).Get("code")
			for _, more := range []string{`[{"type":"read","what":["all"]}]`, `[{"type":"fee","amount":{"currency":"CAD","value":99},"for":"Licence 2026"}]`, `[{"type":"other"}]`, "[]", "x"} {
				if out := h.ask("office", exchange(code, "authorization_details", more)); out["error"] != "invalid_authorization_details" || out["access_token"] != nil {
					t.Errorf("%s: %v", more, out)
				}
			}
			tok := h.ask("office", exchange(code, "authorization_details", `[{"what":["permits"],"type":"read"}]`))
			want := list(t, `[{"type":"read","what":["permits"]}]`)
			if !reflect.DeepEqual(tok["authorization_details"], want) || !reflect.DeepEqual(h.claims(tok["access_token"].(string), "RS256")["authorization_details"], want) {
				t.Errorf("%v", tok)
			}
			if again := h.ask("office", exchange(b.code("office"), "authorization_details", fee)); again["error"] != "invalid_authorization_details" {
				t.Errorf("of a code that was asked for none: %v", again)
			}
		})
	})
}

// RFC 9396, 2 and 7: a device says what exactly it wants to do; the person is asked each time, and its tokens tell.
// RFC 9396, 5: what is not registered for it is refused at once.
func TestADeviceIsAllowedWhatThePersonAgreedToExactly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("meter", func(s *relyingparty.Settings) {
			s.GrantTypes, s.Auth = append(s.GrantTypes, protocol.GrantDeviceCode), "none"
			s.DetailTypes = []relyingparty.DetailType{{Type: "fee", Title: i18n.Text{"en": "Pay a fee"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount"}}}}
		})
		ask := func(details string) (map[string]any, int) {
			return h.call("/device_authorization", "", url.Values{"client_id": {"meter"}, "scope": {"openid email"}, "authorization_details": {details}})
		}
		for _, bad := range []string{`[{"type":"transfer"}]`, `[{"type":"fee","iban":"x"}]`, "x"} {
			if out, status := ask(bad); status != http.StatusBadRequest || out["error"] != "invalid_authorization_details" {
				t.Errorf("%s: %d %v", bad, status, out)
			}
		}
		b, _ := h.viewer("meter")
		const want = `[{"amount":"12.50","type":"fee"}]`
		for range 2 { // the second time, too
			out, status := ask(`[{"type":"fee","amount":"12.50"}]`)
			if status != http.StatusOK {
				t.Fatalf("%d %v", status, out)
			}
			fid := b.types(out["user_code"].(string))
			if got := b.get("/device/confirm/" + string(fid)); got.Header.Get("Location") != "/signin/"+string(fid) {
				t.Fatalf("nobody is asked: %d", got.StatusCode)
			}
			h.write(func(tx *db.Tx) error {
				found, err := h.flows.Load(tx, fid, digestOf(b))
				if err != nil {
					return err
				}
				if found.State.Details != want || !found.State.ForceConsent {
					t.Errorf("%+v", found.State)
				}
				return nil
			})
			b.agrees(fid)
			if to := b.answers(fid, "allow"); !strings.HasSuffix(to, "how=allowed") {
				t.Fatal(to)
			}
			h.clock.Advance(6 * time.Second)
			tok, status := h.call("/token", "", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {out["device_code"].(string)}, "client_id": {"meter"}})
			given, err := json.Marshal(tok["authorization_details"])
			check(t, err)
			if status != http.StatusOK || string(given) != want {
				t.Fatalf("%d %v", status, tok)
			}
			told, err := json.Marshal(h.told(tok["access_token"])["authorization_details"])
			check(t, err)
			if string(told) != want {
				t.Errorf("told %s", told)
			}
		}
	})
}

// RFC 9396, 4: what one person allowed was allowed by nobody who comes after them in the same browser.
func TestWhatOnePersonAllowedExactlyIsAskedOfTheNext(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, anna := h.payable()
		b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
		bea := h.person("bea@example.org")
		h.consent(bea, "office", claim.Email, claim.ScopeOffline)
		for _, changes := range [][]string{{"authorization_details", fee}, {"prompt", "consent"}} {
			b.signIn(anna, "")
			f := b.authorize(request("office", append([]string{"scope", offline}, changes...)...)).flow(t)
			b.agrees(f)
			b.signIn(bea, "")
			finish := "/authorize/finish/" + string(f)
			if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(f) {
				t.Errorf("%v: bea was not asked: %s", changes, to)
			}
			b.agrees(f)
			if b.get(finish).answer(t).Get("code") == "" {
				t.Errorf("%v: no code after she agreed", changes)
			}
		}
	})
}

// RFC 9396, 6: a token request of a device narrows what was allowed, and what asks for more loses nothing.
func TestADeviceAsksForLessThanItWasAllowed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("meter", func(s *relyingparty.Settings) {
			s.GrantTypes, s.Auth, s.DetailTypes = append(s.GrantTypes, protocol.GrantDeviceCode), "none", payments()
		})
		b, _ := h.viewer("meter")
		out, _ := h.call("/device_authorization", "", url.Values{"client_id": {"meter"}, "scope": {offline}, "authorization_details": {fee}})
		fid := b.types(out["user_code"].(string))
		b.agrees(fid)
		if to := b.answers(fid, "allow"); !strings.HasSuffix(to, "how=allowed") {
			t.Fatal(to)
		}
		ask := func(details string) map[string]any {
			t.Helper()
			h.clock.Advance(6 * time.Second)
			tok, _ := h.call("/token", "", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {out["device_code"].(string)}, "client_id": {"meter"}, "authorization_details": {details}})
			return tok
		}
		for _, more := range []string{`[{"type":"fee","amount":99}]`, `[{"type":"read","what":["permits"]},{"type":"fee"}]`, `[{"type":"other"}]`, "x", "[]"} {
			if tok := ask(more); tok["error"] != "invalid_authorization_details" || tok["access_token"] != nil {
				t.Errorf("%s: %v", more, tok)
			}
		}
		const less = `[{"type":"read","what":["permits"]}]`
		same := func(name string, got any, want string) {
			t.Helper()
			if text, err := json.Marshal(got); err != nil || string(text) != want {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
		tok := ask(less)
		same("answer", tok["authorization_details"], less)
		same("introspection", h.told(tok["access_token"])["authorization_details"], less)
		again, _ := h.call("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}, "client_id": {"meter"}})
		same("renewal", again["authorization_details"], `[{"amount":{"currency":"CAD","value":12.5},"for":"Licence 2026","type":"fee"},{"type":"read","what":["permits"]}]`)
		if again := ask(less); again["error"] != "invalid_grant" {
			t.Errorf("a second time: %v", again)
		}
	})
}
