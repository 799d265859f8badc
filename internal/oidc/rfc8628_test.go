package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/device"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/place"
	"parvis/internal/place/placetest"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

// begun is what a device was given.
type begun struct {
	code, user, complete string
}

// device begins a request of a public client.
func (h *house) device(client, scope string) begun {
	h.t.Helper()
	out, status := h.call("/device_authorization", "", url.Values{"client_id": {client}, "scope": {scope}})
	if status != http.StatusOK {
		h.t.Fatalf("%d %v", status, out)
	}
	return begun{out["device_code"].(string), out["user_code"].(string), out["verification_uri_complete"].(string)}
}

// poll asks as a public client whether the person has decided.
func (h *house) poll(client, code string) tokens {
	h.t.Helper()
	return h.asClient("", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {code}, "client_id": {client}})
}

var formToken = regexp.MustCompile(`name="form_token" value="([^"]*)"`)

// submit sends a form of a page as its button does.
func (b *browser) submit(page reply, path string, pairs ...string) reply {
	b.h.t.Helper()
	m := formToken.FindStringSubmatch(page.text)
	if m == nil {
		b.h.t.Fatalf("no form: %d %s", page.StatusCode, page.text)
	}
	return b.do(http.MethodPost, path, with(url.Values{"form_token": {m[1]}}, pairs...), "Origin", b.h.issuer, "Sec-Fetch-Site", "same-origin")
}

// types the code of a device, and gives the journey that it opens.
func (b *browser) types(code string) id.Flow {
	b.h.t.Helper()
	return b.submit(b.get("/device"), "/device", "user_code", code).flow(b.h.t)
}

// answers the last question.
func (b *browser) answers(fid id.Flow, choice string) string {
	b.h.t.Helper()
	path := "/device/confirm/" + string(fid)
	return b.submit(b.get(path), path, "choice", choice).Header.Get("Location")
}

// viewer is a browser of somebody who is signed in and has agreed to share with services.
func (h *house) viewer(clients ...string) (*browser, id.Account) {
	h.t.Helper()
	b, a := h.agreed(clients...)
	for _, c := range clients {
		h.consent(a, id.RelyingParty(c), claim.Email, claim.ScopeOffline)
	}
	b.known()
	return b, a
}

// RFC 8628, 3.1 and 3.2: a device is given two codes, where to go, how long they last and how often to ask.
// RFC 8628, 3.3: the person types the code, and is asked whether they mean it.
// RFC 8628, 3.4 and 3.5: the device polls with its code, and is told authorization_pending until tokens are given.
// RFC 8628, 4: the document names device_authorization_endpoint and the grant type.
func TestADeviceIsGivenTokensWhenItsPersonSaysYes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var doc map[string]any
		h.document("/.well-known/oauth-authorization-server", &doc)
		if doc["device_authorization_endpoint"] != h.issuer+"/device_authorization" {
			t.Errorf("%v", doc["device_authorization_endpoint"])
		}
		out, status := h.call("/device_authorization", "", url.Values{"client_id": {"television"}, "scope": {"openid email offline_access unknown"}})
		user, _ := out["user_code"].(string)
		if status != http.StatusOK || out["verification_uri"] != h.issuer+"/device" || out["verification_uri_complete"] != h.issuer+"/device?user_code="+user ||
			out["expires_in"] != 600.0 || out["interval"] != 5.0 || len(user) != 9 {
			t.Fatalf("%d %v", status, out)
		}
		code := out["device_code"].(string)
		if got := h.poll("television", code); got.status != http.StatusBadRequest || got.Error != "authorization_pending" {
			t.Errorf("before: %d %s", got.status, got.Error)
		}
		b, a := h.viewer("television")
		fid := b.types(" " + strings.ToLower(strings.ReplaceAll(user, "-", " ")))
		page := b.get("/device/confirm/" + string(fid))
		for _, want := range []string{user, "Fishing licences", "Natural Resources", "anna@", `id="allow"`, `id="deny"`} {
			if !strings.Contains(page.text, want) {
				t.Errorf("the question does not show %q", want)
			}
		}
		h.clock.Advance(6 * time.Second)
		if got := h.poll("television", code); got.Error != "authorization_pending" {
			t.Errorf("while it is asked: %s", got.Error)
		}
		if to := b.answers(fid, "allow"); to != "/device/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
		h.clock.Advance(2 * time.Minute) // longer than an authorization code lives
		got := h.poll("television", code)
		if got.status != http.StatusOK || got.Access == "" || got.Refresh == "" || got.Scope != "openid email offline_access" {
			t.Fatalf("%+v", got)
		}
		claims := h.claims(got.ID, jose.RS256)
		if claims["aud"] != "television" || claims["sub"] == "" || claims["auth_time"] == nil || claims["sid"] != nil {
			t.Errorf("%v", claims)
		}
		if info, _ := h.userinfo(got.Access); info["email"] != "anna@example.org" || info["sub"] != claims["sub"] {
			t.Errorf("%v", info)
		}
		if again := h.poll("television", code); again.Error != "invalid_grant" {
			t.Errorf("a second time: %s", again.Error)
		}
		if _, status := h.userinfo(got.Access); status != http.StatusOK {
			t.Errorf("asking again took the tokens away: %d", status)
		}
		if to := b.get("/device/confirm/" + string(fid)).Header.Get("Location"); to != "/device/done?how=over" {
			t.Errorf("the question afterwards: %q", to)
		}
		for name, want := range map[audit.Name]int64{audit.DeviceAsked: 1, audit.DeviceAllowed: 1} {
			if n := h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND relying_party = 'television'`, name); n != want {
				t.Errorf("%s: %d events", name, n)
			}
		}
		h.write(func(tx *db.Tx) error { return h.grants.EndOthers(tx, a, "this-session") })
		if _, status := h.userinfo(got.Access); status != http.StatusUnauthorized {
			t.Errorf("after signing out everywhere else: %d", status)
		}
	})
}

// nearby knows where this machine is.
func nearby(t *testing.T) *place.Places {
	t.Helper()
	out, err := place.Parse(placetest.File(map[netip.Prefix]placetest.Names{netip.MustParsePrefix("127.0.0.0/8"): {
		City: map[string]string{"en": "Quebec City", "fr": "Québec"}, Country: map[string]string{"en": "Canada", "fr": "Canada"},
	}}))
	check(t, err)
	return out
}

// RFC 8628, 5.4: the person reads when and from where a device asked, and which system it says it is, in words of ours, so that they can tell that somebody else began.
// RFC 8628, 5.6: of a device that shows who it is with a secret nothing is said: it may be a machine of the service that asks.
func TestThePersonReadsFromWhereADeviceAsked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("desk", func(s *relyingparty.Settings) { s.GrantTypes = append(s.GrantTypes, protocol.GrantDeviceCode) })
		b, _ := h.viewer("television", "desk")
		kept := func() int64 { return h.count(`SELECT COUNT(*) FROM device_request WHERE origin IS NOT NULL`) }
		begin := func(client, agent string) string {
			r := post(t, h, "/device_authorization", url.Values{"client_id": {client}, "scope": {"openid"}}.Encode())
			r.Header.Set("User-Agent", agent)
			if client == "desk" {
				r.SetBasicAuth(client, password)
			}
			resp, err := http.DefaultClient.Do(r)
			check(t, err)
			defer func() { _ = resp.Body.Close() }()
			var out map[string]any
			check(t, json.NewDecoder(resp.Body).Decode(&out))
			return out["user_code"].(string)
		}
		fid := b.types(begin("television", "NorthlandTV/2 (Linux; Android 14; call 0900 111 222 now)"))
		if n := kept(); n != 1 {
			t.Fatalf("%d origins are kept", n)
		}
		for lang, want := range map[string][]string{
			"en": {"Approximate place", ">Quebec City, Canada<", ">Android<", "We cannot check it", "If it is far from you, stop", "just now, on a device of your own"},
			"fr": {"Lieu approximatif", ">Québec, Canada<", ">Android<", "Nous ne pouvons pas le vérifier", "loin de vous, arrêtez", "Continuez seulement si vous venez vous-même de commencer"},
		} {
			page := b.get("/device/confirm/"+string(fid), "Accept-Language", lang)
			for _, said := range want {
				if !strings.Contains(page.text, said) {
					t.Errorf("%s: the question does not say %q", lang, said)
				}
			}
			if strings.Contains(page.text, "0900") || strings.Contains(page.text, "127.0.0.1") {
				t.Error("the question repeats what a device says of itself, or its address")
			}
		}
		if to := b.answers(fid, "deny"); to != "/device/done?how=denied" || kept() != 0 {
			t.Errorf("to %q; %d origins are kept", to, kept())
		}
		fid = b.types(begin("television", "curl/8"))
		if page := b.get("/device/confirm/" + string(fid)); !strings.Contains(page.text, "device-place") || strings.Contains(page.text, "device-system") {
			t.Error("a program that is not known has a system, or no place")
		}
		fid = b.types(begin("desk", "NorthlandTV/2 (Linux; Android 14)"))
		if page := b.get("/device/confirm/" + string(fid)); strings.Contains(page.text, "device-place") || strings.Contains(page.text, "device-system") || !strings.Contains(page.text, `id="user-code"`) {
			t.Error("the place of the service's machine is shown as the device's")
		}
	})
}

// RFC 8628, 3.5: access_denied when the person says no.
func TestADeviceIsToldThatItsPersonSaidNo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.viewer("television")
		for name, no := range map[string]func(fid id.Flow) string{
			"no":      func(fid id.Flow) string { return b.answers(fid, "deny") },
			"go back": func(fid id.Flow) string { return b.get("/device/cancel/" + string(fid)).Header.Get("Location") },
		} {
			d := h.device("television", "openid")
			if to := no(b.types(d.user)); to != "/device/done?how=denied" {
				t.Errorf("%s: to %q", name, to)
			}
			if got := h.poll("television", d.code); got.Error != "access_denied" {
				t.Errorf("%s: %s", name, got.Error)
			}
			again := b.submit(b.get("/device"), "/device", "user_code", d.user)
			if again.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: the code opens again: %d", name, again.StatusCode)
			}
		}
	})
}

// RFC 8628, 3.5: slow_down, and an interval that grows by 5 seconds, for a device that asks too often.
// RFC 8628, 3.5: expired_token when the person did not decide in time.
func TestADeviceThatIsTooQuickOrTooLateIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		d := h.device("television", "openid")
		for i, c := range []struct {
			after time.Duration
			want  string
		}{
			{0, "authorization_pending"},
			{5 * time.Second, "authorization_pending"},
			{4 * time.Second, "slow_down"},
			{9 * time.Second, "slow_down"},
			{15 * time.Second, "authorization_pending"},
			{14 * time.Second, "slow_down"},
			{20 * time.Second, "authorization_pending"},
			{10 * time.Minute, "expired_token"},
		} {
			h.clock.Advance(c.after)
			if got := h.poll("television", d.code); got.Error != c.want {
				t.Errorf("%d: %s, want %s", i, got.Error, c.want)
			}
		}
		b, _ := h.viewer("television")
		if got := b.submit(b.get("/device"), "/device", "user_code", d.user); got.StatusCode != http.StatusBadRequest {
			t.Errorf("a code that is over opens: %d", got.StatusCode)
		}
	})
}

// RFC 8628, 3.1: client authentication and registration are asked for as at the token endpoint.
func TestADeviceAuthorizationRequestIsRefusedByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, c := range map[string]struct {
			client string
			form   url.Values
			want   string
		}{
			"not registered":      {"", url.Values{"client_id": {"public"}, "scope": {"openid"}}, "unauthorized_client"},
			"unknown":             {"", url.Values{"client_id": {"nobody"}, "scope": {"openid"}}, "invalid_client"},
			"no secret":           {"", url.Values{"client_id": {"terminal"}, "scope": {"openid"}}, "invalid_client"},
			"no scope":            {"terminal", url.Values{}, "invalid_scope"},
			"without openid":      {"terminal", url.Values{"scope": {"email"}}, "invalid_scope"},
			"scope twice":         {"", url.Values{"client_id": {"television"}, "scope": {"openid", "email"}}, "invalid_request"},
			"a parameter twice":   {"", url.Values{"client_id": {"television", "television"}, "scope": {"openid"}}, "invalid_request"},
			"a scope without end": {"terminal", url.Values{"scope": {"openid " + strings.Repeat("x", 3000)}}, "invalid_scope"},
		} {
			if out, _ := h.call("/device_authorization", c.client, c.form); out["error"] != c.want {
				t.Errorf("%s: %v", name, out)
			}
		}
		for name, c := range map[string]struct{ code, want string }{
			"no code": {"", "invalid_request"}, "no code of ours": {"x", "invalid_grant"}, "a code without end": {strings.Repeat("x", 600), "invalid_grant"},
		} {
			if got := h.poll("television", c.code); got.Error != c.want {
				t.Errorf("%s: %s", name, got.Error)
			}
		}
		d := h.device("television", "openid")
		if got := h.asClient("terminal", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {d.code}}); got.Error != "invalid_grant" {
			t.Errorf("the code of another client: %s", got.Error)
		}
		if got := h.asClient("service", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {d.code}}); got.Error != "unauthorized_client" {
			t.Errorf("a client that is not registered for it: %s", got.Error)
		}
	})
}

// RFC 8628, 5.4: a link allows nothing by itself, and the demand of the service is met first.
func TestALinkOrAnotherBrowserAllowsNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.viewer("television", "terminal")
		d := h.device("television", "openid")
		page := b.get(strings.TrimPrefix(d.complete, h.issuer))
		if page.StatusCode != http.StatusOK || !strings.Contains(page.text, d.user) {
			t.Errorf("the link: %d", page.StatusCode)
		}
		if got := h.poll("television", d.code); got.Error != "authorization_pending" {
			t.Errorf("the link allowed it: %s", got.Error)
		}
		fid := b.types(d.user)
		other := h.browser()
		other.known()
		if got := other.get("/device/confirm/" + string(fid)); got.StatusCode != http.StatusNotFound {
			t.Errorf("another browser is asked: %d", got.StatusCode)
		}
		forged := b.do(http.MethodPost, "/device/confirm/"+string(fid), url.Values{"choice": {"allow"}}, "Origin", h.issuer, "Sec-Fetch-Site", "same-origin")
		foreign := b.do(http.MethodPost, "/device/confirm/"+string(fid), url.Values{"choice": {"allow"}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if forged.StatusCode != http.StatusBadRequest || foreign.StatusCode != http.StatusForbidden {
			t.Errorf("without the form's token: %d, from elsewhere: %d", forged.StatusCode, foreign.StatusCode)
		}
		out, _ := h.call("/device_authorization", "terminal", url.Values{"scope": {"openid email"}})
		strong := b.types(out["user_code"].(string))
		if to := b.get("/device/confirm/" + string(strong)).Header.Get("Location"); to != "/signin/"+string(strong) {
			t.Errorf("who has not proven enough is asked: %q", to)
		}
		if got := h.poll("television", d.code); got.Error == "" {
			t.Error("tokens were given")
		}
		delete(b.cookies, kit.SessionCookie)
		if to := b.get("/device/confirm/" + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Errorf("who is not signed in is asked: %q", to)
		}
	})
}

// RFC 8628, 5.1: codes cannot be found by trying.
func TestCodesCannotBeTriedWithoutEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.viewer("television")
		d := h.device("television", "openid")
		for range 10 {
			if got := b.submit(b.get("/device"), "/device", "user_code", string(device.NewCode())); got.StatusCode != http.StatusBadRequest {
				t.Fatalf("a wrong code: %d", got.StatusCode)
			}
		}
		if got := b.submit(b.get("/device"), "/device", "user_code", d.user); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
			t.Errorf("the next one: %d", got.StatusCode)
		}
	})
}

// RFC 8628, 3.4: the client authenticates with each question as it does at the token endpoint: an assertion is good for one, whatever the device is told.
func TestAnAssertionIsGoodForOneQuestionOfADevice(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		signed := func(h *house) url.Values {
			return h.assert("kiosk", url.Values{})
		}
		v := signed(h)
		v.Set("scope", "openid")
		out, status := h.call("/device_authorization", "", v)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, out)
		}
		if again, _ := h.call("/device_authorization", "", v); again["error"] != "invalid_client" {
			t.Errorf("the assertion began a second request: %v", again)
		}
		v = signed(h)
		v.Set("grant_type", protocol.GrantDeviceCode)
		v.Set("device_code", out["device_code"].(string))
		if got := h.asClient("", v); got.Error != "authorization_pending" {
			t.Errorf("%s", got.Error)
		}
		h.clock.Advance(6 * time.Second)
		if got := h.asClient("", v); got.Error != "invalid_client" {
			t.Errorf("the assertion asked again: %s", got.Error)
		}
	})
}

// RFC 8628, 3.5: of many questions at once, on two nodes, one is given tokens.
func TestOfManyQuestionsOfADeviceAtOnceOneIsGivenTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.viewer("television")
		d := h.device("television", "openid email offline_access")
		if to := b.answers(b.types(d.user), "allow"); to != "/device/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
		nodes := []*db.DB{h.db, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now))}
		onlyOneIsAnswered(t, nodes, func(tx *db.Tx, token []byte) (out answered, err error) {
			if out.standing, err = h.devices.Poll(tx, d.code, "television"); err != nil || out.standing != device.Allowed {
				return out, err
			}
			if out.result, err = h.grants.Redeem(tx, grant.Redemption{Code: d.code, Waited: true, RelyingParty: "television", Token: token}); err != nil {
				return out, err
			}
			return out, h.devices.Used(tx, d.code)
		})
		if n := h.count(`SELECT COUNT(*) FROM access_token t JOIN authorization_grant g ON g.id = t.grant_id WHERE g.relying_party = 'television' AND g.revoked_at IS NULL`); n != 1 {
			t.Errorf("%d tokens", n)
		}
	})
}

// What a device is given, and what its person types.
func TestTheCodesOfADevice(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := url.Values{"client_id": {"television"}, "scope": {"openid"}}
		b, _ := h.viewer("television")
		first, second := h.device("television", "openid"), h.device("television", "openid")
		t.Run("RFC 8628, 5.2: the code of the device has at least 128 random bits, and is another one each time", func(t *testing.T) {
			if len(first.code) < 43 || first.code == second.code || first.user == second.user {
				t.Errorf("%d letters", len(first.code))
			}
		})
		t.Run("RFC 8628, 6.1: the code of the person is of letters that are not mixed up and make no words", func(t *testing.T) {
			for range 20 {
				out, _ := h.call("/device_authorization", "", v)
				if user, _ := out["user_code"].(string); !regexp.MustCompile(`\A[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\z`).MatchString(user) {
					t.Errorf("%q", user)
				}
			}
		})
		t.Run("RFC 8628, 6.1: small letters, spaces and dashes do not matter when it is typed", func(t *testing.T) {
			for _, typed := range []string{strings.ToLower(first.user), strings.ReplaceAll(first.user, "-", ""), " " + strings.ReplaceAll(first.user, "-", " – ")} {
				path := "/device/confirm/" + string(b.types(strings.ReplaceAll(typed, "–", "-")))
				if page := b.get(path); !strings.Contains(page.text, first.user) {
					t.Errorf("%q: %d", typed, page.StatusCode)
				}
			}
		})
		t.Run("RFC 8628, 3.3.1: verification_uri_complete brings the code, which is shown to be compared, and nothing happens yet", func(t *testing.T) {
			page := b.get(strings.TrimPrefix(second.complete, h.issuer))
			if page.StatusCode != http.StatusOK || !strings.Contains(page.text, `value="`+second.user+`"`) {
				t.Errorf("%d %s", page.StatusCode, page.text)
			}
			if got := h.poll("television", second.code); got.Error != "authorization_pending" {
				t.Error(got.Error)
			}
		})
		t.Run("RFC 8628, 5.4: the question names the service, whose it is, and when the device asked, and warns", func(t *testing.T) {
			h.clock.Advance(3 * time.Minute)
			page := b.get("/device/confirm/" + string(b.types(second.user)))
			for _, want := range []string{"Fishing licences", "Natural Resources", second.user, `Started on the device</dt><dd>\d+.\w+.\d{4}.at.\d\d:\d\d`, "a device of your own"} {
				if !regexp.MustCompile(want).MatchString(page.text) {
					t.Errorf("without %q: %s", want, page.text)
				}
			}
		})
		t.Run("RFC 8628, 5.1: a code that was opened five times opens no more", func(t *testing.T) {
			for range 2 {
				b.types(first.user)
			}
			if got := b.submit(b.get("/device"), "/device", "user_code", first.user); got.StatusCode != http.StatusBadRequest {
				t.Errorf("%d", got.StatusCode)
			}
		})
		t.Run("RFC 8628, 3.5: an answered or unknown code is told so with status 400 as JSON", func(t *testing.T) {
			got := h.post("/token", url.Values{"grant_type": {protocol.GrantDeviceCode}, "device_code": {"none"}, "client_id": {"television"}})
			if got.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%d %v", got.StatusCode, got.Header)
			}
		})
	})
}
