package machine

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"parvis/internal/audit"
	"parvis/internal/clientcert"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

// authenticate checks that the client is who it says. A *protocol.Error is the refusal.
// Basic and post are one method, the client's secret: libraries differ in their default.
func (d *Door) authenticate(ctx context.Context, c protocol.Credentials, shown *clientcert.Presented) (*relyingparty.RelyingParty, *grant.Assertion, error) {
	party, err := d.Registry.Get(ctx, id.RelyingParty(c.ClientID))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, nil, fmt.Errorf("machine: %w", err)
	}
	known := party
	if party == nil {
		party = d.nobody
	}
	assertion, err := d.prove(ctx, party, c, shown)
	switch {
	case known == nil:
		err = protocol.ClientRefused().Because(protocol.ClientUnknown)
	case known.Disabled:
		err = protocol.ClientRefused().Because(protocol.ClientDisabled)
	}
	if err != nil {
		return known, nil, err
	}
	return known, assertion, nil
}

// prove checks what a client sent against what is registered. A *protocol.Error is the
// refusal; any other error says that it cannot be told now.
func (d *Door) prove(ctx context.Context, party *relyingparty.RelyingParty, c protocol.Credentials, shown *clientcert.Presented) (*grant.Assertion, error) {
	if party.AuthMethod == relyingparty.AuthSecretJWT && !d.Settings.SecretJWT {
		return nil, protocol.ClientRefused().Because(protocol.MethodOff)
	}
	bySecret := party.AuthMethod == relyingparty.AuthBasic || party.AuthMethod == relyingparty.AuthPost
	switch {
	case c.Method == protocol.MethodBasic, c.Method == protocol.MethodPost:
		matched, ended := false, false
		for _, s := range c.Secrets {
			matched = party.SecretMatches(s, d.Now()) || matched
			ended = party.SecretMatches(s, time.Time{}) || ended
		}
		switch {
		case !bySecret:
			return nil, protocol.ClientRefused().Because(protocol.MethodDiffers)
		case matched:
			return nil, nil
		case ended:
			return nil, protocol.ClientRefused().Because(protocol.SecretEnded)
		}
		return nil, protocol.ClientRefused().Because(protocol.SecretWrong)
	case c.Method == protocol.MethodNone && party.ByCertificate():
		return nil, d.byCertificate(ctx, party, shown)
	case c.Method == protocol.MethodPrivateKeyJWT && party.AuthMethod == relyingparty.AuthSecretJWT:
		return d.assertion(ctx, party, c) // what is registered says how it is verified, never the assertion
	case c.Method != string(party.AuthMethod):
		return nil, protocol.ClientRefused().Because(protocol.MethodDiffers)
	case c.Method == protocol.MethodPrivateKeyJWT:
		return d.assertion(ctx, party, c)
	}
	return nil, nil // a public client has nothing to prove
}

// assertion verifies a client assertion with the client's registered keys or with its secret,
// as it is registered (RFC 7523, 3; OpenID Connect Core 1.0, 9).
func (d *Door) assertion(ctx context.Context, party *relyingparty.RelyingParty, c protocol.Credentials) (*grant.Assertion, error) {
	var payload []byte
	var err error
	if party.AuthMethod == relyingparty.AuthSecretJWT {
		payload, err = party.VerifySecret(c.Assertion, d.Now())
	} else {
		payload, _, err = d.Partners.Verify(ctx, party, c.Assertion, party.AssertionAlgorithms()...)
	}
	switch {
	case fault.Is(err, fault.Unavailable):
		return nil, fmt.Errorf("machine: %w", err)
	case err != nil:
		return nil, protocol.ClientRefused().Because(protocol.AssertionSignature)
	}
	us := protocol.Us{Issuer: d.Issuer}
	if party.Profile == relyingparty.ProfileCompatible {
		us.Endpoints = d.audiences()
	}
	jti, expires, bad := protocol.CheckAssertion(payload, string(party.ID), us, d.Now())
	if bad != nil {
		return nil, bad
	}
	return &grant.Assertion{JTI: jti, Expires: expires}, nil
}

// audiences are our addresses that the assertion of a compatible client may be for, beside the
// issuer (OpenID Connect Core 1.0, 9; RFC 9126, 2; CIBA, 7.1), also those for certificates.
func (d *Door) audiences() []string {
	at := []string{d.Issuer}
	if d.Certificates != nil {
		at = append(at, d.Certificates.PublicURL)
	}
	var out []string
	for _, base := range at {
		out = append(out, base+protocol.PathToken, base+protocol.PathPush, base+protocol.PathCIBA)
	}
	return out
}

// Refused notes a refusal, slows down who collects them, and returns the error to answer
// with. The assertion that authenticated the client and the proof of possession are used up
// with it: they were for one request, whatever became of that (RFC 9449, 11.1).
func (d *Door) Refused(r *http.Request, party *relyingparty.RelyingParty, bad *protocol.Error) error {
	if bad.Code == protocol.UseNonce { // an ordinary first answer (RFC 9449, 8), and no refusal
		return bad
	}
	pid := id.RelyingParty("")
	if party != nil {
		pid = party.ID
	}
	d.Log(r, "token request refused", pid, bad)
	rules := []struct {
		rule ratelimit.Rule
		key  string
	}{{ratelimit.TokenIP, kit.ClientIP(r)}, {ratelimit.TokenClient, string(pid)}}
	for _, l := range rules {
		if l.key == "" {
			continue
		}
		limit, err := d.Limiter.Take(r.Context(), l.rule, l.key)
		if err != nil {
			return fmt.Errorf("machine: %w", err)
		}
		if err := limit.Fault(); err != nil {
			return err
		}
	}
	if party == nil {
		return bad
	}
	authenticated, proof := callOf(r).assertion, callOf(r).proof
	err := d.DB.Write(r.Context(), func(tx *db.Tx) error {
		if authenticated != nil {
			if _, err := d.Grants.UseAssertion(tx, pid, *authenticated); err != nil {
				return err
			}
		}
		if proof != nil {
			if _, err := d.Grants.UseProof(tx, *proof); err != nil {
				return err
			}
		}
		return d.Audit.Record(tx, audit.Event{
			Name: audit.TokenRefused, RelyingParty: pid, Outcome: audit.Refused, Reason: string(bad.Code),
			Personal: audit.Personal{IP: kit.ClientIP(r), UserAgent: r.UserAgent()},
		})
	})
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	return bad
}

// Log writes the operator's line of a refusal: the error as the client got it, and its cause.
func (d *Door) Log(r *http.Request, message string, party id.RelyingParty, bad *protocol.Error) {
	d.Site.Log.InfoContext(r.Context(), message, slog.String("relying_party", string(party)), slog.String("error", string(bad.Code)),
		slog.String("description", bad.Description), slog.String("cause", bad.LogCause()), slog.String("reference", kit.Reference(r)))
}
