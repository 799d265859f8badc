package saml

import (
	"context"
	"crypto"
	"errors"
	"time"

	"parvis/internal/saml/protocol"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// Finish checks an answer: that it belongs to the request of this browser, and then
// every rule of saml/protocol (core 3.3.3; profiles 4.1.4.3).
func (c *Consumer) Finish(ctx context.Context, p *upstream.Provider, pending upstream.Pending, answer upstream.Answer) (upstream.Assertion, error) {
	none := upstream.Assertion{}
	for _, values := range answer.Params {
		if len(values) > 1 {
			return none, byBrowser(upstream.Invalid, errors.New("a field of the answer is there twice"))
		}
	}
	state := answer.Params.Get("RelayState")
	if pending.State == "" || pending.Request == "" || !secret.Equal([]byte(state), []byte(pending.State)) {
		return none, byBrowser(upstream.Replay, errors.New("the relay state is not that of the request"))
	}
	m, err := protocol.DecodePost(answer.Params.Get("SAMLRequest"), answer.Params.Get("SAMLResponse"), state)
	if err != nil {
		return none, failed(err)
	}
	got, err := c.read(ctx, p, pending, m)
	if err != nil {
		return none, err
	}
	// Until its end it would pass every other check a second time.
	first, err := c.Assertions.Take(ctx, p.Issuer, got.ID, got.NotOnOrAfter)
	switch {
	case err != nil:
		return none, err
	case !first:
		return none, byBrowser(upstream.Replay, errors.New("the assertion was used before"))
	}
	if err := pending.CheckTimes(got.AuthTime, c.Now(), p.Skew); err != nil {
		return none, err
	}
	return upstream.Assertion{
		Issuer: got.Issuer, Subject: got.NameID.Value, ACR: got.ACR, AuthTime: got.AuthTime, NotOnOrAfter: got.NotOnOrAfter,
		Presence: upstream.Presence{
			Subject: got.NameID.Value, Index: got.SessionIndex,
			Format: got.NameID.Format, NameQualifier: got.NameID.NameQualifier, SPNameQualifier: got.NameID.SPNameQualifier,
		},
	}, nil
}

// read verifies an answer with the provider's keys.
func (c *Consumer) read(ctx context.Context, p *upstream.Provider, pending upstream.Pending, m *protocol.Message) (*protocol.Assertion, error) {
	var got *protocol.Assertion
	expect := protocol.Expect{
		Issuer: p.Issuer, Audience: c.entityID(p), Recipient: c.callback(p), RequestID: pending.Request, Now: c.Now(), Skew: p.Skew,
		Formats: []string{p.SAML.NameID}, Contexts: p.Worth.Enough(p.SAML.Contexts, pending.Level),
	}
	err := c.trusting(ctx, p, func(trust protocol.Trust) (err error) {
		got, err = protocol.ReadResponse(m, trust, expect)
		return err
	})
	return got, err
}

// trust is what the answers of a provider are verified and decrypted with. The dates
// of certificates in metadata say nothing (metadata interoperability profile 2.6.1).
func trust(p *upstream.Provider, idp *protocol.IdentityProvider, at time.Time) protocol.Trust {
	t := protocol.Trust{
		Keys: idp.Keys(at, true), CBC: p.SAML.CBC, ResponseSigned: p.SAML.SignedResponse, AssertionSigned: p.SAML.SignedAssertion,
		AssertionEncrypted: p.SAML.Encryption == upstream.On,
	}
	for _, key := range p.SAML.Decryption {
		if private, ok := key.Key.(crypto.Decrypter); ok {
			t.Decryption = append(t.Decryption, private)
		}
	}
	return t
}

// byBrowser is a failure that what the browser brought tells of.
func byBrowser(f upstream.Failure, reason error) error {
	return &upstream.Error{Failure: f, ByBrowser: true, Err: reason}
}

// failed is the failure of a broken rule or of a partner's no.
func failed(err error) error {
	if no, ok := errors.AsType[*protocol.StatusError](err); ok {
		return told(no)
	}
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		return err
	}
	f := upstream.Invalid
	switch e.Reason { //nolint:exhaustive // the others prove nothing
	case protocol.WrongRequest:
		f = upstream.Replay
	case protocol.StaleSignIn:
		f = upstream.Stale
	case protocol.WrongContext:
		f = upstream.Weaker
	}
	return byBrowser(f, err)
}

// told is the failure of a status (core 3.2.2.2). Most products answer AuthnFailed
// when somebody goes back without signing in.
func told(no *protocol.StatusError) error {
	e := &upstream.Error{Failure: upstream.Refused, Code: upstream.CleanCode(string(no.Status)), ByBrowser: true, Err: no}
	switch no.Status { //nolint:exhaustive // the others are refusals
	case protocol.StatusAuthnFailed:
		e.Failure = upstream.Cancelled
	case protocol.StatusNoAuthnContext:
		e.Failure = upstream.Weaker
	case protocol.StatusResponder, protocol.StatusNoIDP, protocol.StatusNoSupportedIDP:
		e.Failure = upstream.Outage
	}
	return e
}
