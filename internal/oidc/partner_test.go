package oidc_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/upstream"
	"parvis/internal/upstream/oidc"
)

// One deployment of this software is the sign-in partner of another: what the one
// promises is what the other checks.
func TestADeploymentIsTheSignInPartnerOfAnother(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		raw, err := x509.MarshalPKCS8PrivateKey(signingKey)
		check(t, err)
		p, problems := upstream.Settings{
			ID: "province", Kind: upstream.Parvis, Name: i18n.Text{"en": "The province", "fr": "La province"}, Issuer: h.issuer,
			Worth: upstream.Worth{Cap: policy.TwoSteps},
			OIDC: upstream.OIDCSettings{
				ClientID: "northland", ACRValues: []string{policy.ACROneStep}, Claims: []string{"acr", "auth_time"},
				PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
			},
		}.Build()
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		client, err := outbound.New(outbound.Settings{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second, MaxBytes: 64 << 10}, nil)
		check(t, err)
		defer client.Close()
		const northland = "https://northland.example"
		c := &oidc.Consumer{Outbound: client, BaseURL: northland, Now: h.clock.Now, Signer: func(jose.Algorithm) (*jose.Signer, error) { return nil, nil }} //nolint:nilnil // a key of its own signs
		h.write(func(tx *db.Tx) error {
			return h.store.Create(tx, relyingparty.Settings{
				ID: "northland", Name: i18n.Text{"en": "Northland"}, Department: i18n.Text{"en": "Northland"}, Auth: "private_key_jwt", JWKS: keySet(signingKey),
				RedirectURIs: []string{northland + upstream.CallbackPath(p.ID)},
			}, nil)
		})
		check(t, h.registry.Refresh(t.Context()))
		for _, finding := range c.Examine(t.Context(), p) {
			if finding.Wrong {
				t.Errorf("%s", finding.Text)
			}
		}
		b, a := h.agreed()
		h.consent(a, "northland")
		again := func(ask upstream.Ask) (upstream.Assertion, url.Values, error) {
			request, err := c.Begin(t.Context(), p, ask)
			check(t, err)
			pending := request.Pending
			pending.Provider, pending.Issuer, pending.MaxAge, pending.Fresh = p.ID, p.Issuer, ask.MaxAge, ask.Fresh
			back, err := url.Parse(b.get(request.URL).Header.Get("Location"))
			check(t, err)
			answer := back.Query()
			assertion, err := c.Finish(t.Context(), p, pending, upstream.Answer{Params: answer})
			return assertion, answer, err
		}
		hour := time.Hour
		first, answer, err := again(upstream.Ask{Lang: i18n.French, MaxAge: &hour})
		check(t, err)
		if first.Issuer != h.issuer || first.Subject == "" || first.ACR != policy.ACROneStep || !first.AuthTime.Equal(h.clock.Now().Truncate(time.Second)) {
			t.Errorf("%+v", first)
		}
		second, _, err := again(upstream.Ask{})
		check(t, err)
		if second.Subject != first.Subject {
			t.Error("the subject of a person changes")
		}
		request, err := c.Begin(t.Context(), p, upstream.Ask{})
		check(t, err)
		request.Pending.Issuer = p.Issuer
		answer.Set("state", request.Pending.State)
		if _, err := c.Finish(t.Context(), p, request.Pending, upstream.Answer{Params: answer}); upstream.FailureOf(err) != upstream.Replay {
			t.Errorf("a code used before: %v", err)
		}
	})
}
