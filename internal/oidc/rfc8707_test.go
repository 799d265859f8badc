package oidc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/oidc/claim"
	"parvis/internal/relyingparty"
)

// RFC 8707, 2 and 2.1: resource names, once or several times, whom the token is for; what is not registered is invalid_target.
func TestATokenIsForTheResourcesThatWereAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		for _, bad := range []string{nowhere, "permits", strings.ToUpper(permits), permits + "#x", permits + " " + nowhere} {
			got := b.authorize(wanting(request("office"), permits, bad)).answer(t)
			if got.Get("error") != "invalid_target" || got.Get("code") != "" {
				t.Errorf("%s: %v", bad, got)
			}
			if out, status := h.call("/par", "office", wanting(request("office"), bad)); status != http.StatusBadRequest || out["error"] != "invalid_target" {
				t.Errorf("pushed: %s: %d %v", bad, status, out)
			}
			if out := h.ask("office", wanting(own(), bad)); out["error"] != "invalid_target" {
				t.Errorf("for itself: %s: %v", bad, out)
			}
		}
		code := b.authorize(wanting(request("office"), permits, tiles)).answer(t).Get("code")
		tok := h.ask("office", exchange(code))
		if aud, _ := h.told(tok["access_token"])["aud"].([]any); !slices.Equal(aud, []any{permits, tiles}) {
			t.Errorf("%v", h.told(tok["access_token"]))
		}
		if strings.Contains(tok["access_token"].(string), ".") {
			t.Error("a token is a JWT for who cannot read it")
		}
		if tok = h.ask("office", wanting(own(), permits)); h.told(tok["access_token"])["aud"] != permits {
			t.Errorf("for itself: %v", h.told(tok["access_token"]))
		}
		if aud, ok := h.told(h.ask("office", exchange(b.code("office")))["access_token"])["aud"]; ok {
			t.Errorf("for none in particular: %v", aud)
		}
		out, status := h.call("/par", "office", wanting(request("office"), charts, tiles))
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, out)
		}
		code = b.authorize(url.Values{"client_id": {"office"}, "request_uri": {out["request_uri"].(string)}}).answer(t).Get("code")
		if tok = h.ask("office", exchange(code)); strings.Count(tok["access_token"].(string), ".") != 2 {
			t.Errorf("pushed, for two that read their tokens: %v", tok)
		}
	})
}

// RFC 8707, 2.2: a token request names some of the resources of its grant, never others.
// RFC 8707, 3: a token for another resource is worth nothing at userinfo.
func TestATokenIsNeverForMoreThanItsGrant(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		code := func(resources ...string) string {
			return b.authorize(wanting(request("office", "scope", offline), resources...)).answer(t).Get("code")
		}
		first := code(permits, charts, h.issuer)
		if out := h.ask("office", wanting(exchange(first), tiles)); out["error"] != "invalid_target" {
			t.Errorf("%v", out)
		}
		tok := h.ask("office", wanting(exchange(first), permits)) // the code was not spent by that
		if h.told(tok["access_token"])["aud"] != permits {
			t.Fatalf("%v %v", tok, h.told(tok["access_token"]))
		}
		if _, status := h.userinfo(tok["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("userinfo with a token for permits: %d", status)
		}
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
		if out := h.ask("office", wanting(again, tiles)); out["error"] != "invalid_target" {
			t.Errorf("%v", out)
		}
		mine := h.ask("office", wanting(again, h.issuer))
		if claims, status := h.userinfo(mine["access_token"].(string)); status != http.StatusOK || claims["email"] != "anna@example.org" {
			t.Errorf("userinfo with a token for the issuer: %d %v", status, claims)
		}
		delete(again, "resource")
		all := h.ask("office", again)
		if aud, _ := h.told(all["access_token"])["aud"].([]any); !slices.Equal(aud, []any{permits, charts, h.issuer}) {
			t.Errorf("%v", h.told(all["access_token"]))
		}
		for _, none := range []string{permits, h.issuer} {
			if out := h.ask("office", wanting(exchange(code()), none)); out["error"] != "invalid_target" {
				t.Errorf("a grant for no resource gives a token for %s: %v", none, out)
			}
		}
		// What is registered no longer is no reason for a token that is good everywhere.
		h.write(func(tx *db.Tx) error {
			s, err := h.store.Settings(tx, "office")
			if err == nil {
				s.Resources = nil
				err = h.store.Update(tx, s)
			}
			return err
		})
		check(t, h.registry.Refresh(t.Context()))
		if aud, _ := h.told(h.ask("office", again)["access_token"])["aud"].([]any); len(aud) != 3 {
			t.Errorf("after the registration changed: %v", aud)
		}
	})
}

// RFC 8707, 2: no more than some resources may be named at once, and the same twice is one.
// RFC 8707, 2.1: a request object names one as a text, and several as a list.
// RFC 8707, 2.2: of several that were granted, each token may be for another one.
func TestResourcesAreNamedInEveryRequestAlike(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.resourceful()
		h.adds("signs", func(s *relyingparty.Settings) {
			s.Resources = []relyingparty.Resource{{URI: permits}, {URI: charts}, {URI: tiles}}
		})
		h.consent(a, "signs", claim.Email)
		for name, c := range map[string]struct{ named, aud any }{
			"a text": {permits, permits}, "a list": {[]string{permits, tiles}, []any{permits, tiles}}, "the same twice": {[]string{tiles, tiles}, tiles},
		} {
			code := b.authorize(inObject("signs", object(t, signingKey, "", objectClaims(h, "signs", "resource", c.named)))).answer(t).Get("code")
			var tok tokens
			check(t, json.Unmarshal([]byte(h.post("/token", h.assert("signs", exchange(code))).text), &tok))
			if out := h.told(tok.Access); !reflect.DeepEqual(out["aud"], c.aud) {
				t.Errorf("%s: %v", name, out)
			}
		}
		for name, bad := range map[string]any{"a number": 1, "another one in the list": []string{permits, nowhere}, "an object": map[string]any{"uri": permits}} {
			got := b.authorize(inObject("signs", object(t, signingKey, "", objectClaims(h, "signs", "resource", bad))))
			if got.StatusCode == http.StatusSeeOther && got.answer(t).Get("error") != "invalid_target" || strings.Contains(got.Header.Get("Location"), "code=") {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
		}
		many := make([]string, 0, 21)
		for i := range 21 {
			many = append(many, fmt.Sprintf("%s%d", permits, i))
		}
		if got := b.authorize(wanting(request("office"), many...)).answer(t); got.Get("error") != "invalid_target" {
			t.Errorf("too many: %v", got)
		}
		first := h.ask("office", wanting(exchange(b.authorize(wanting(request("office", "scope", offline), permits, tiles)).answer(t).Get("code")), permits))
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first["refresh_token"].(string)}}
		second := h.ask("office", wanting(again, tiles))
		if h.told(first["access_token"])["aud"] != permits || h.told(second["access_token"])["aud"] != tiles {
			t.Errorf("%v %v", first, second)
		}
	})
}
