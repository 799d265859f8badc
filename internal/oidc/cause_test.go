package oidc_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// lines keeps what a house logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// last is the newest line with a message, and everything that was written.
func (l *lines) last(t *testing.T, message string) (map[string]any, string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.text.String()
	var found map[string]any
	for line := range strings.Lines(all) {
		var one map[string]any
		check(t, json.Unmarshal([]byte(line), &one))
		if one["msg"] == message {
			found = one
		}
	}
	return found, all
}

func TestTheLogTellsTheCauseOfARefusedTokenRequestAndTheAnswerDoesNot(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "other", "plain")
		spent, wrong, twice := b.code("service"), b.code("service"), b.code("plain")
		h.asClient("plain", exchange(twice))
		access := h.asClient("service", exchange(spent)).Access
		h.asClient("service", exchange(wrong, "code_verifier", strings.Repeat("w", 43)))
		revoked := b.code("service")
		h.write(func(tx *db.Tx) error { return h.grants.EndConnection(tx, a, "service") })
		unauthenticated := protocol.ClientRefused()
		ended := secret.NewToken()
		h.write(func(tx *db.Tx) error {
			if err := h.store.RotateSecret(tx, "other", secret.Digest(ended), h.clock.Now()); err != nil {
				return err
			}
			return h.store.RotateSecret(tx, "other", secret.Digest(secret.NewToken()), h.clock.Now().Add(time.Minute))
		})
		h.clock.Advance(2 * time.Minute)
		check(t, h.registry.Refresh(t.Context()))
		for _, c := range []struct {
			cause   string
			client  string
			secret  string
			form    url.Values
			refusal *protocol.Error
		}{
			{"code_unknown", "service", password, exchange(secret.NewToken()), protocol.GrantRefused()},
			{"code_of_other_client", "plain", password, exchange(b.code("service")), protocol.GrantRefused()},
			{"code_reused", "service", password, exchange(spent), protocol.GrantRefused()},
			{"code_reused", "plain", password, exchange(twice), protocol.GrantRefused()},
			{"code_reused", "plain", password, exchange(twice), protocol.GrantRefused()},
			{"code_reused", "service", password, exchange(wrong), protocol.GrantRefused()},
			{"code_revoked", "service", password, exchange(revoked), protocol.GrantRefused()},
			{"redirect_uri_differs", "service", password, exchange(b.code("service"), "redirect_uri", callback+"?x=1"), protocol.GrantRefused()},
			{"verifier_missing", "service", password, exchange(b.code("service"), "code_verifier", ""), protocol.GrantRefused()},
			{"verifier_wrong", "service", password, exchange(b.code("service"), "code_verifier", strings.Repeat("w", 43)), protocol.GrantRefused()},
			{"verifier_unasked", "plain", password, exchange(b.code("plain", "code_challenge", "", "code_challenge_method", "")), protocol.GrantRefused()},
			{"client_unknown", "nobody", password, exchange(spent), unauthenticated},
			{"secret_wrong", "service", password + "x", exchange(spent), unauthenticated},
			{"secret_ended", "other", ended, exchange(spent), unauthenticated},
			{"auth_method_differs", "signed", password, exchange(spent), unauthenticated},
			{"auth_method_differs", "public", password, exchange(spent), unauthenticated},
			{"grant_type is none of those in grant_types_supported", "service", password, exchange(spent, "grant_type", "password"), nil},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+"/token", strings.NewReader(c.form.Encode()))
			check(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(c.client, c.secret)
			got := h.send(r)
			line, _ := h.log.last(t, "token request refused")
			if line["cause"] != c.cause || line["error"] != got.Error || c.client != "nobody" && line["relying_party"] != c.client {
				t.Errorf("%s: logged %v", c.cause, line)
			}
			if c.refusal != nil && (got.Error != string(c.refusal.Code) || got.About != c.refusal.Description) {
				t.Errorf("%s: the client was told %+v", c.cause, got)
			}
		}
		expired := b.code("service")
		h.clock.Advance(time.Minute)
		h.asClient("service", exchange(expired))
		line, all := h.log.last(t, "token request refused")
		if line["cause"] != "code_expired" {
			t.Errorf("an old code: logged %v", line)
		}
		for _, never := range []string{spent, wrong, revoked, expired, access, password, ended, verifier, "anna", string(a)} {
			if strings.Contains(all, never) {
				t.Errorf("the log holds %q", never)
			}
		}
	})
}

func TestTheLogTellsTheCauseOfARefusedClientAssertion(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed")
		stranger, err := jose.Generate(jose.ES256)
		check(t, err)
		for _, c := range []struct {
			cause     string
			assertion string
		}{
			{"assertion_signature", sign(t, stranger, assertionClaims(h))},
			{"client_assertion has expired", sign(t, signingKey, assertionClaims(h, "exp", h.clock.Now().Add(-time.Second).Unix()))},
		} {
			h.asClient("", signed(b.code("signed"), c.assertion))
			if line, _ := h.log.last(t, "token request refused"); line["cause"] != c.cause {
				t.Errorf("%s: logged %v", c.cause, line)
			}
		}
		once := sign(t, signingKey, assertionClaims(h))
		h.asClient("", signed(b.code("signed"), once))
		h.asClient("", signed(b.code("signed"), once))
		if line, all := h.log.last(t, "token request refused"); line["cause"] != "assertion_replayed" || strings.Contains(all, once) {
			t.Errorf("again: logged %v", line)
		}
	})
}

func TestTheLogTellsTheCauseOfARefusedUserInfoRequest(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service")
		revoked := h.asClient("service", exchange(b.code("service"))).Access
		h.write(func(tx *db.Tx) error { return h.grants.EndConnection(tx, a, "service") })
		expired := h.asClient("service", exchange(b.code("service"))).Access
		h.clock.Advance(15 * time.Minute)
		live := h.asClient("service", exchange(b.code("service"))).Access
		ask := func(token, cause, party string) {
			t.Helper()
			got := b.get("/userinfo", "Authorization", strings.TrimSpace("Bearer "+token))
			line, _ := h.log.last(t, "userinfo request refused")
			if got.StatusCode != http.StatusUnauthorized || line["cause"] != cause || line["relying_party"] != party {
				t.Errorf("%s: %d, logged %v", cause, got.StatusCode, line)
			}
			if want := (protocol.Presented{}).Refused().Description; cause != "token_missing" && !strings.Contains(got.text, want) {
				t.Errorf("%s: the service was told %s", cause, got.text)
			}
		}
		ask(revoked, string(grant.TokenRevoked), "service")
		ask(expired, string(grant.TokenExpired), "service")
		ask(secret.NewToken(), string(grant.TokenUnknown), "")
		ask(strings.Repeat("x", 600), "token_malformed", "")
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "service") })
		check(t, h.registry.Refresh(t.Context()))
		ask(live, "client_disabled", "service")
		h.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account SET status = 'closed' WHERE id = $1`, string(a))
			return err
		})
		ask(live, "account_not_active", "service")
		b.get("/userinfo")
		line, all := h.log.last(t, "userinfo request refused")
		if line["cause"] != "token_missing" {
			t.Errorf("without a token: logged %v", line)
		}
		for _, never := range []string{live, revoked, expired, "anna", string(a)} {
			if strings.Contains(all, never) {
				t.Errorf("the log holds %q", never)
			}
		}
	})
}

func TestTheLogTellsTheCauseOfARefusedAuthorizationRequest(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		stranger := h.browser()
		h.clock.Advance(time.Second)
		for _, c := range []struct {
			cause string
			by    *browser
			v     url.Values
		}{
			{"client_unknown", b, request("nobody")},
			{"redirect_uri_slash", b, request("service", "redirect_uri", callback+"/")},
			{"redirect_uri_path", b, request("service", "redirect_uri", "https://service.example/callback")},
			{"redirect_uri_query", b, request("service", "redirect_uri", callback+"?x=2")},
			{"redirect_uri_scheme", b, request("service", "redirect_uri", "http://service.example/cb")},
			{"redirect_uri_port", b, request("service", "redirect_uri", "https://service.example:8443/cb")},
			{"redirect_uri_unregistered", b, request("service", "redirect_uri", "https://evil.example/cb")},
			{"code_challenge is required (PKCE with S256)", b, request("service", "code_challenge", "", "code_challenge_method", "")},
			{"nobody_signed_in", stranger, request("service", "prompt", "none")},
			{"sign_in_not_enough", b, request("service", "prompt", "none", "max_age", "0")},
			{"consent_missing", b, request("other", "prompt", "none")},
			{"acr_unreachable", b, request("strong")},
			{"hint_signature", b, request("service", "id_token_hint", "a.b.c")},
		} {
			c.by.authorize(c.v)
			line, all := h.log.last(t, "authorization request refused")
			if line["cause"] != c.cause {
				t.Errorf("%s: logged %v", c.cause, line)
			}
			for _, never := range []string{"evil.example", "callback", "st4te", "n0nce", "anna"} {
				if strings.Contains(all, never) {
					t.Errorf("%s: the log holds %q", c.cause, never)
				}
			}
		}
		journey := stranger.authorize(request("service")).flow(t)
		stranger.get("/authorize/cancel/" + string(journey))
		if line, _ := h.log.last(t, "authorization request refused"); line["cause"] != "person_declined" || line["relying_party"] != "service" {
			t.Errorf("cancelled: logged %v", line)
		}
	})
}
