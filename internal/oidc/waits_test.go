package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"parvis/internal/grant"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// RFC 8628, 3.4: the code of a device is redeemed by the grant type of devices, and by no other, which takes nothing away.
// CIBA, 10.1: auth_req_id is redeemed by the grant type of CIBA, and by no other, which takes nothing away.
// RFC 6749, 4.1.3: an authorization code is redeemed as what it is, by a client that has every grant type.
func TestWhatAClientWaitsWithIsRedeemedAsWhatItIsOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("everything", func(s *relyingparty.Settings) {
			s.GrantTypes, s.PKCE = append(s.GrantTypes, protocol.GrantDeviceCode, protocol.GrantCIBA), "optional"
		})
		b, a := h.agreed("everything")
		h.consent(a, "everything", claim.Email, claim.ScopeOffline)
		b.known()
		out, _ := h.call("/device_authorization", "everything", url.Values{"scope": {"openid email"}})
		device, _ := out["device_code"].(string)
		if to := b.answers(b.types(out["user_code"].(string)), "allow"); to != "/device/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
		asked, name := h.asks("everything")
		if to := b.says(b.opens(name), "allow"); to != "/confirmations/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
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
