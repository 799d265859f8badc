package oidc_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// prove gives the browser a session with these facts, as the journeys do.
func (b *browser) prove(a id.Account, f policy.Facts) {
	b.h.t.Helper()
	n := session.Prepare(a, f)
	b.h.write(func(tx *db.Tx) error {
		_, err := b.h.sessions.Reauthenticate(tx, b.cookies[kit.SessionCookie], n)
		return err
	})
	b.cookies[kit.SessionCookie] = n.Token
}

// OIDC Registration, 2: default_acr_values are asked for where a request names none.
// A service is told what was proven, by the name it asked for, and nothing above; and
// what its registration demands is not talked down by a request.
func TestWhatAServiceDemandsDecidesTheAnswerAndTheToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("wishes", func(s *relyingparty.Settings) { s.DefaultACR = []string{policy.ACRTwoSteps} })
		b, a := h.agreed("service", "two-factors", "wishes")
		password := policy.Facts{}.With(policy.Password, h.clock.Now(), "F")
		mail, app := password.With(policy.Email, h.clock.Now(), "F"), password.With(policy.App, h.clock.Now(), "F")
		essential := func(values string) []string {
			return []string{"claims", `{"id_token":{"acr":{"essential":true,"values":[` + values + `]}}}`}
		}
		for _, tt := range []struct {
			name   string
			facts  policy.Facts
			client string
			asks   []string
			acr    string // "": login_required
			amr    string
		}{
			{"nothing is demanded", password, "service", nil, policy.ACROneStep, "pwd"},
			{"what was proven beyond it is told", app, "service", nil, policy.ACRAAL2, "pwd otp mfa"},
			{"registered, and missing", password, "two-factors", nil, "", ""},
			{"a code by e-mail is not enough", mail, "two-factors", nil, "", ""},
			{"registered, and there", app, "two-factors", nil, policy.ACRAAL2, "pwd otp mfa"},
			{"a request does not talk the registration down", password, "two-factors", []string{"acr_values", policy.ACROneStep}, "", ""},
			{"nor what is told", app, "two-factors", []string{"acr_values", policy.ACROneStep}, policy.ACRAAL2, "pwd otp mfa"},
			{"asked for, and missing", password, "service", []string{"acr_values", policy.ACRAAL2}, "", ""},
			{"two steps, and there", mail, "service", []string{"acr_values", policy.ACRTwoSteps}, policy.ACRTwoSteps, "pwd email"},
			{"the best that is there", mail, "service", []string{"acr_values", policy.ACRAAL2 + " " + policy.ACRTwoSteps}, policy.ACRTwoSteps, "pwd email"},
			// OIDC Registration, 2: default_acr_values are asked for where a request names none.
			{"wished for, and missing", password, "wishes", nil, "", ""},
			{"wished for, and there", mail, "wishes", nil, policy.ACRTwoSteps, "pwd email"},
			{"the request says otherwise", password, "wishes", []string{"acr_values", policy.ACROneStep}, policy.ACROneStep, "pwd"},
			{"essential, and missing", mail, "service", essential(`"` + policy.ACRAAL2 + `"`), "", ""},
			{"essential, and there", app, "service", essential(`"` + policy.ACRAAL2 + `"`), policy.ACRAAL2, "pwd otp mfa"},
			{"one of the essential", mail, "service", essential(`"` + policy.ACRAAL2 + `","` + policy.ACRTwoSteps + `"`), policy.ACRTwoSteps, "pwd email"},
		} {
			b.prove(a, tt.facts)
			got := b.authorize(request(tt.client, append(tt.asks, "prompt", "none")...)).answer(t)
			if tt.acr == "" {
				if got.Get("error") != "login_required" {
					t.Errorf("%s: %v", tt.name, got)
				}
				continue
			}
			claims := h.claims(h.asClient(tt.client, exchange(got.Get("code"))).ID, jose.RS256)
			if amr := joined(claims["amr"]); claims["acr"] != tt.acr || amr != tt.amr {
				t.Errorf("%s: acr %v, amr %s", tt.name, claims["acr"], amr)
			}
		}
		if got := b.authorize(request("service", append(essential(`"`+policy.ACRAAL3+`"`), "prompt", "none")...)).answer(t).Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("a class that nobody can reach here: %q", got)
		}
	})
}

// auth_time is when the person last proved who they are, and max_age asks for all that counts.
func TestTheTimeOfTheSecondStepIsToldAndItsAgeCounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("two-factors")
		begun := h.clock.Now()
		f := policy.Facts{}.With(policy.Password, begun, "F").With(policy.App, begun.Add(10*time.Minute), "F")
		h.clock.Advance(15 * time.Minute)
		b.prove(a, f)
		claims := h.claims(h.asClient("two-factors", exchange(b.code("two-factors"))).ID, jose.RS256)
		if claims["auth_time"] != float64(begun.Add(10*time.Minute).Unix()) {
			t.Errorf("auth_time %v", claims["auth_time"])
		}
		for age, want := range map[string]string{"1200": "", "600": "login_required"} {
			got := b.authorize(request("two-factors", "prompt", "none", "max_age", age)).answer(t)
			if got.Get("error") != want {
				t.Errorf("max_age %s: %v", age, got)
			}
		}
	})
}

func joined(amr any) string {
	list, _ := amr.([]any)
	var out []string
	for _, v := range list {
		out = append(out, v.(string)) //nolint:forcetypeassert // a test
	}
	return strings.Join(out, " ")
}
