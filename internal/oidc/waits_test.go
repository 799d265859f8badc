package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
)

// elsewhere is a way by which a service waits for anna.
type elsewhere struct {
	h                          *house
	b                          *browser
	client                     string
	path, kind, code, question string // of the endpoint, the grant type, what the client waits with, and the person's page
	enters                     func(out map[string]any) id.Flow
}

// ways are those that there are, of a client that has both grant types.
func (h *house) ways(b *browser, client string) []elsewhere {
	return []elsewhere{
		{h, b, client, "/device_authorization", protocol.GrantDeviceCode, "device_code", "/device/confirm/", func(out map[string]any) id.Flow { return b.types(out["user_code"].(string)) }},
		{h, b, client, "/bc-authorize", protocol.GrantCIBA, "auth_req_id", "/confirmations/confirm/", func(out map[string]any) id.Flow { return b.opens(h.named(out["auth_req_id"].(string))) }},
	}
}

// begins sends the client's request.
func (e elsewhere) begins(v url.Values) (map[string]any, int) {
	e.h.t.Helper()
	v = maps.Clone(v)
	if e.kind == protocol.GrantCIBA {
		v.Set("login_hint", "anna@example.org")
	}
	return e.h.call(e.path, e.client, v)
}

// allowed is what a client waits with that may be redeemed.
func (e elsewhere) allowed(v url.Values) string {
	e.h.t.Helper()
	out, status := e.begins(v)
	if status != http.StatusOK {
		e.h.t.Fatalf("%s: %d %v", e.path, status, out)
	}
	e.allow(e.enters(out))
	return out[e.code].(string)
}

func (e elsewhere) allow(fid id.Flow) {
	e.h.t.Helper()
	path := e.question + string(fid)
	if to := e.b.submit(e.b.get(path), path, "choice", "allow").Header.Get("Location"); !strings.HasSuffix(to, "how=allowed") {
		e.h.t.Fatalf("to %q", to)
	}
}

// redeems asks for tokens with what the client waits with.
func (e elsewhere) redeems(code string, more url.Values) map[string]any {
	e.h.t.Helper()
	e.h.clock.Advance(6 * time.Second)
	v := url.Values{"grant_type": {e.kind}, e.code: {code}}
	maps.Copy(v, more)
	out, _ := e.h.call("/token", e.client, v)
	return out
}

// both gives a service both grant types.
func both(s *relyingparty.Settings) {
	s.GrantTypes = append(s.GrantTypes, protocol.GrantDeviceCode, protocol.GrantCIBA)
}

// RFC 8628, 3.4: the code of a device is redeemed by the grant type of devices, and by no other, which takes nothing away.
// CIBA, 10.1: auth_req_id is redeemed by the grant type of CIBA, and by no other, which takes nothing away.
// RFC 6749, 4.1.3: an authorization code is redeemed as what it is, by a client that has every grant type.
func TestWhatAClientWaitsWithIsRedeemedAsWhatItIsOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("everything", func(s *relyingparty.Settings) {
			both(s)
			s.PKCE = "optional"
		})
		b, a := h.agreed("everything")
		h.consent(a, "everything", claim.Email, claim.ScopeOffline)
		b.known()
		ways := h.ways(b, "everything")
		device, asked := ways[0].allowed(url.Values{"scope": {"openid email"}}), ways[1].allowed(url.Values{"scope": {"openid email"}})
		code := b.code("everything", "code_challenge", "", "code_challenge_method", "")
		as := func(kind, code string) url.Values {
			v := url.Values{"grant_type": {kind}}
			switch kind {
			case protocol.GrantDeviceCode:
				v.Set("device_code", code)
			case protocol.GrantCIBA:
				v.Set("auth_req_id", code)
			default:
				v.Set("code", code)
			}
			return v
		}
		refused := func(v url.Values) {
			t.Helper()
			if got := h.asClient("everything", v); got.status != http.StatusBadRequest || got.Error != "invalid_grant" || got.Access != "" || got.About != protocol.GrantRefused().Description {
				t.Errorf("%v: %+v", v, got)
			}
		}
		kinds := map[string]string{protocol.GrantDeviceCode: device, protocol.GrantCIBA: asked, protocol.GrantAuthorizationCode: code}
		try := func() {
			t.Helper()
			h.clock.Advance(6 * time.Second)
			for own, code := range kinds {
				for other := range kinds {
					if other == own {
						continue
					}
					refused(as(other, code))
					if other == protocol.GrantAuthorizationCode {
						with := as(other, code)
						with.Set("redirect_uri", callback)
						refused(with)
					}
				}
			}
		}
		try()
		if n := h.count(`SELECT COUNT(*) FROM authorization_grant WHERE relying_party = 'everything' AND redeemed_at IS NULL AND revoked_at IS NULL`); n != 3 {
			t.Fatalf("%d grants are left", n)
		}
		refused(as(protocol.GrantAuthorizationCode, device))
		if line, _ := h.log.last(t, "token request refused"); line["cause"] != string(grant.CodeOfGrant) {
			t.Errorf("the log says %v", line["cause"])
		}
		var given []string
		for kind, code := range kinds {
			v := as(kind, code)
			if kind == protocol.GrantAuthorizationCode {
				v.Set("redirect_uri", callback)
			}
			got := h.asClient("everything", v)
			if got.status != http.StatusOK || got.Access == "" || got.Scope != "openid email" {
				t.Fatalf("%s: %+v", kind, got)
			}
			given = append(given, got.Access)
		}
		try() // nor does it count as a code that comes a second time
		for i, access := range given {
			if _, status := h.userinfo(access); status != http.StatusOK {
				t.Errorf("%d: %d", i, status)
			}
		}
	})
}

// RFC 8707, 2: a device, and a service that asks somebody to confirm, name the resources that they want tokens for; what is not registered is invalid_target.
// RFC 8707, 2.2: their token requests name some of these, and never others, which takes nothing away.
// RFC 9068, 3: their tokens are JWTs where the resource reads them.
func TestWhoWaitsIsGivenTokensForResources(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("booth", func(s *relyingparty.Settings) {
			both(s)
			s.Resources = []relyingparty.Resource{{URI: permits}, {URI: charts, AccessTokens: "jwt"}, {URI: tiles, AccessTokens: "jwt"}}
		})
		b, a := h.agreed("booth")
		h.consent(a, "booth", claim.Email, claim.ScopeOffline)
		b.known()
		for _, way := range h.ways(b, "booth") {
			for _, bad := range []string{nowhere, "permits", permits + " " + nowhere} {
				if out, status := way.begins(wanting(url.Values{"scope": {"openid"}}, bad)); status != http.StatusBadRequest || out["error"] != "invalid_target" {
					t.Errorf("%s: %s: %d %v", way.path, bad, status, out)
				}
			}
			code := way.allowed(wanting(url.Values{"scope": {offline}}, permits, charts, h.issuer))
			for _, more := range []string{tiles, permits + " " + tiles, nowhere} {
				if out := way.redeems(code, url.Values{"resource": {more}}); out["error"] != "invalid_target" || out["access_token"] != nil {
					t.Errorf("%s: %s: %v", way.path, more, out)
				}
			}
			tok := way.redeems(code, url.Values{"resource": {charts}})
			text, _ := tok["access_token"].(string)
			if strings.Count(text, ".") != 2 || tok["expires_in"].(float64) > 300 {
				t.Fatalf("%s: %v", way.path, tok)
			}
			if got := h.claims(text, jose.RS256); got["aud"] != charts || got["client_id"] != "booth" {
				t.Errorf("%s: %v", way.path, got)
			}
			if _, status := h.userinfo(text); status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo with a token for charts: %d", way.path, status)
			}
			again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
			all, _ := h.call("/token", "booth", again)
			if aud, _ := h.told(all["access_token"])["aud"].([]any); !slices.Equal(aud, []any{permits, charts, h.issuer}) || strings.Contains(all["access_token"].(string), ".") {
				t.Errorf("%s: %v", way.path, h.told(all["access_token"]))
			}
			mine, _ := h.call("/token", "booth", wanting(again, h.issuer))
			if info, status := h.userinfo(mine["access_token"].(string)); status != http.StatusOK || info["email"] != "anna@example.org" {
				t.Errorf("%s: userinfo: %d %v", way.path, status, info)
			}
			none := way.allowed(url.Values{"scope": {"openid"}})
			if out := way.redeems(none, url.Values{"resource": {permits}}); out["error"] != "invalid_target" {
				t.Errorf("%s: for no resource: %v", way.path, out)
			}
			if aud, there := h.told(way.redeems(none, nil)["access_token"])["aud"]; there {
				t.Errorf("%s: for none in particular: %v", way.path, aud)
			}
		}
	})
}

// OIDC Core, 5.5: a device, and a service that asks somebody to confirm, ask for single claims at userinfo and in the ID token, of those only that the registration covers and the person agreed to.
// OIDC Core, 5.5.1.1: an essential class is a condition there, too, and one that nobody can reach is unmet_authentication_requirements.
func TestWhoWaitsAsksForSingleClaims(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("booth", both)
		b, a := h.agreed()
		h.consent(a, "booth", claim.Email, claim.Locale)
		b.known()
		asked := func(text string) url.Values { return url.Values{"scope": {"openid"}, "claims": {text}} }
		for _, way := range h.ways(b, "booth") {
			for text, want := range map[string]string{
				"{": "invalid_request", `{"userinfo":[]}`: "invalid_request", `{"id_token":{"acr":{"essential":true,"value":"urn:example:nobody-can"}}}`: "unmet_authentication_requirements",
			} {
				if out, status := way.begins(asked(text)); status != http.StatusBadRequest || out["error"] != want {
					t.Errorf("%s: %s: %d %v", way.path, text, status, out)
				}
			}
			code := way.allowed(asked(`{"userinfo":{"locale":null,"phone_number":null},"id_token":{"email":{"essential":true},"locale":{"value":"de"}}}`))
			tok := way.redeems(code, nil)
			idToken := h.claims(tok["id_token"].(string), jose.RS256)
			info, _ := h.userinfo(tok["access_token"].(string))
			if diff := cmp.Diff(map[string]any{"sub": idToken["sub"], "locale": "fr"}, info); diff != "" || idToken["email"] != "anna@example.org" || idToken["locale"] != nil {
				t.Errorf("%s: %s, ID token %v", way.path, diff, idToken)
			}
			out, _ := way.begins(asked(`{"id_token":{"acr":{"essential":true,"value":"` + policy.ACRAAL2 + `"}}}`))
			fid := way.enters(out)
			if to := b.get(way.question + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: who has not proven enough is asked: %q", way.path, to)
			}
			one := policy.Facts{}.With(policy.Password, h.clock.Now(), fid)
			b.prove(a, one.With(policy.App, h.clock.Now(), fid))
			way.allow(fid)
			if got := h.claims(way.redeems(out[way.code].(string), nil)["id_token"].(string), jose.RS256); got["acr"] != policy.ACRAAL2 {
				t.Errorf("%s: %v", way.path, got)
			}
			b.prove(a, one)
		}
	})
}

// OIDC Core, 5.4: whoever types the code of a device is asked to share the claims that it asks for one by one.
// OIDC Core, 5.5.1: a device cannot say who must sign in.
func TestTheClaimsThatADeviceAsksForAreAskedOfItsPerson(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("booth", both)
		b, a := h.agreed("booth")
		b.known()
		way := h.ways(b, "booth")[0]
		out, _ := way.begins(url.Values{"scope": {"openid"}, "claims": {`{"id_token":{"locale":null}}`}})
		fid := way.enters(out)
		if to := b.get(way.question + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Errorf("nobody is asked to share it: %q", to)
		}
		h.write(func(tx *db.Tx) error {
			f, err := h.flows.Load(tx, fid, digestOf(b))
			if err == nil && !reflect.DeepEqual(f.State.Attributes, []string{claim.Locale}) {
				t.Errorf("%v", f.State.Attributes)
			}
			return err
		})
		h.consent(a, "booth", claim.Email, claim.Locale)
		way.allow(fid)
		tok := way.redeems(out["device_code"].(string), nil)
		if got := h.claims(tok["id_token"].(string), jose.RS256); got["locale"] != "fr" || got["email"] != nil {
			t.Errorf("%v", got)
		}
		if out, status := way.begins(url.Values{"scope": {"openid"}, "claims": {`{"id_token":{"sub":{"value":"x"}}}`}}); status != http.StatusBadRequest || out["error"] != "invalid_request" {
			t.Errorf("%d %v", status, out)
		}
	})
}

// CIBA, 7.1: who has not agreed to share a claim that is asked for by claims cannot be reached, and neither can somebody else than its sub names.
// CIBA, 7.1.1: resource and claims stand in the signed request, as JSON.
func TestTheClaimsOfASignedRequestAreToldOfWhoAgreed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.adds("desk", func(s *relyingparty.Settings) {
			s.GrantTypes, s.RedirectURIs, s.BackchannelRequestAlg = []string{protocol.GrantCIBA}, nil, "ES256"
			s.Resources = []relyingparty.Resource{{URI: permits}, {URI: charts}}
		})
		b, a := h.agreed("desk")
		b.known()
		ask := func(hint string, claims any) (map[string]any, int) {
			now := h.clock.Now().Unix()
			return h.call("/bc-authorize", "", h.assert("desk", url.Values{"request": {object(t, signingKey, "JWT", map[string]any{
				"iss": "desk", "aud": h.issuer, "exp": now + 300, "iat": now, "nbf": now, "jti": id.New[string](), "scope": "openid", "login_hint": hint,
				"claims": claims, "resource": []string{permits, charts},
			})}}, "jti", id.New[string]()))
		}
		unknown := func(name string, claims any) {
			t.Helper()
			if out, status := ask("anna@example.org", claims); status != http.StatusBadRequest || out["error"] != "unknown_user_id" || out["error_description"] != protocol.PersonUnknown().Description {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
		unknown("not agreed to", map[string]any{"id_token": map[string]any{"locale": nil}})
		sub := func(value string) map[string]any {
			return map[string]any{"id_token": map[string]any{"sub": map[string]any{"value": value}, "email": nil}}
		}
		unknown("nobody's subject", sub("x"))
		bert := h.person("bert@example.org")
		h.consent(bert, "desk", claim.Email)
		subjects := map[id.Account]string{}
		h.write(func(tx *db.Tx) error {
			for _, of := range []id.Account{a, bert} {
				party, err := h.registry.Get(t.Context(), "desk")
				if err != nil {
					return err
				}
				if subjects[of], err = h.connections.Subject(tx, party.Sector, of); err != nil {
					return err
				}
			}
			return nil
		})
		unknown("another's subject", sub(subjects[bert]))
		out, status := ask("anna@example.org", sub(subjects[a]))
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, out)
		}
		way := h.ways(b, "desk")[1]
		way.allow(way.enters(out))
		h.clock.Advance(6 * time.Second)
		got := h.asClient("", h.assert("desk", url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {out["auth_req_id"].(string)}}, "jti", id.New[string]()))
		if claims := h.claims(got.ID, jose.RS256); claims["email"] != "anna@example.org" || claims["sub"] != subjects[a] {
			t.Errorf("%v", claims)
		}
		if aud, _ := h.told(got.Access)["aud"].([]any); !slices.Equal(aud, []any{permits, charts}) {
			t.Errorf("%v", h.told(got.Access))
		}
	})
}

// What is taken from a service while somebody is asked for it is not given to it any more: by a
// journey, which can be under way for a day, and to a device or a service that waits.
func TestAScopeThatIsTakenFromAServiceMeanwhileIsNotGiven(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var kept relyingparty.Settings
		h.enroll("less", func(s *relyingparty.Settings) {
			s.GrantTypes, s.Scopes = []string{protocol.GrantAuthorizationCode}, []string{"openid", "email"}
			both(s)
			kept = *s
		})
		b, a := h.agreed("less")
		b.known()
		may := func(scopes ...string) {
			kept.Scopes = scopes
			h.write(func(tx *db.Tx) error { return h.store.Update(tx, kept) })
			check(t, h.registry.Refresh(t.Context()))
		}
		single := `{"userinfo":{"email":null}}`
		for _, asked := range []url.Values{{"scope": {"openid email"}}, {"scope": {"openid"}, "claims": {single}}} {
			may("openid", "email")
			began := b.authorize(request("less", "prompt", "login", "scope", asked.Get("scope"), "claims", asked.Get("claims"))).flow(t)
			ways := h.ways(b, "less")
			var flows []id.Flow
			for _, way := range ways {
				out, status := way.begins(asked)
				if status != http.StatusOK {
					t.Fatalf("%s: %v", way.path, out)
				}
				flows = append(flows, way.enters(out))
			}
			may("openid", "locale")
			b.signIn(a, began)
			if r := b.get("/authorize/finish/" + string(began)); r.StatusCode != http.StatusForbidden || r.Header.Get("Location") != "" {
				t.Errorf("%v: %d %s", asked, r.StatusCode, r.Header.Get("Location"))
			}
			for i, way := range ways {
				path := way.question + string(flows[i])
				if r := b.submit(b.get(path), path, "choice", "allow"); r.StatusCode != http.StatusForbidden {
					t.Errorf("%s %v: %d %s", way.path, asked, r.StatusCode, r.Header.Get("Location"))
				}
			}
			if n := h.count(`SELECT COUNT(*) FROM authorization_grant WHERE relying_party = 'less'`); n != 0 {
				t.Fatalf("%v: %d grants", asked, n)
			}
			may("openid", "email", "locale") // and given back: nothing was used up
			if code := b.get("/authorize/finish/" + string(began)).answer(t).Get("code"); code == "" {
				t.Errorf("%v: no code", asked)
			}
			h.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`DELETE FROM authorization_grant WHERE account = $1`, string(a))
				return err
			})
		}
	})
}

// So are resources, and what exactly services can ask people to allow.
func TestAResourceOrATypeOfDetailsThatIsTakenFromAServiceMeanwhileIsNotGiven(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var kept relyingparty.Settings
		has := func(s *relyingparty.Settings) {
			s.Resources, s.DetailTypes = []relyingparty.Resource{{URI: permits}, {URI: tiles}}, payments()
		}
		h.enroll("less", func(s *relyingparty.Settings) {
			both(s)
			has(s)
			kept = *s
		})
		b, a := h.agreed("less")
		b.known()
		settle := func(change func(*relyingparty.Settings)) {
			change(&kept)
			h.write(func(tx *db.Tx) error { return h.store.Update(tx, kept) })
			check(t, h.registry.Refresh(t.Context()))
		}
		for name, c := range map[string]struct {
			asked url.Values
			taken func(*relyingparty.Settings)
		}{
			"resource": {url.Values{"resource": {permits}}, func(s *relyingparty.Settings) { s.Resources = s.Resources[1:] }},
			"type":     {url.Values{"authorization_details": {fee}}, func(s *relyingparty.Settings) { s.DetailTypes = s.DetailTypes[1:] }},
			"member": {url.Values{"authorization_details": {fee}}, func(s *relyingparty.Settings) {
				s.DetailTypes[0].Fields = maps.Clone(s.DetailTypes[0].Fields)
				delete(s.DetailTypes[0].Fields, "for")
			}},
		} {
			c.asked.Set("scope", "openid email")
			settle(has)
			v := request("less", "prompt", "login")
			maps.Copy(v, c.asked)
			began := b.authorize(v).flow(t)
			b.signIn(a, began)
			if c.asked.Has("authorization_details") {
				b.agrees(began)
			}
			var flows []id.Flow
			var ways []elsewhere
			for _, way := range h.ways(b, "less") {
				if way.kind == protocol.GrantCIBA && c.asked.Has("authorization_details") {
					continue // cannot be asked for there
				}
				out, status := way.begins(c.asked)
				if status != http.StatusOK {
					t.Fatalf("%s: %s: %v", name, way.path, out)
				}
				f := way.enters(out)
				if c.asked.Has("authorization_details") {
					b.agrees(f)
				}
				ways, flows = append(ways, way), append(flows, f)
			}
			pages := make([]reply, len(ways))
			for i, way := range ways {
				pages[i] = b.get(way.question + string(flows[i]))
			}
			settle(c.taken)
			if r := b.get("/authorize/finish/" + string(began)); r.StatusCode != http.StatusForbidden || r.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, r.StatusCode, r.Header.Get("Location"))
			}
			for i, way := range ways {
				if r := b.submit(pages[i], way.question+string(flows[i]), "choice", "allow"); r.StatusCode != http.StatusForbidden {
					t.Errorf("%s: %s: %d %s", name, way.path, r.StatusCode, r.Header.Get("Location"))
				}
			}
			if n := h.count(`SELECT COUNT(*) FROM authorization_grant WHERE relying_party = 'less'`); n != 0 {
				t.Errorf("%s: %d grants", name, n)
				h.write(func(tx *db.Tx) error {
					_, err := tx.Exec(`DELETE FROM authorization_grant WHERE account = $1`, string(a))
					return err
				})
			}
		}
	})
}
