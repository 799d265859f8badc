package saml

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/saml/protocol"
	"parvis/internal/secret"
	"parvis/internal/upstream"
	"parvis/internal/xmlsec"
)

// leaveLife is how long a request to sign somebody out may be worked on (core 3.7.1).
const leaveLife = 5 * time.Minute

// logoutAddress is our one address for a provider's messages of logout.
func (c *Consumer) logoutAddress(p *upstream.Provider) string {
	return strings.TrimSuffix(c.BaseURL, "/") + upstream.LogoutPath(p.ID)
}

// SignOut is our page that makes the request to sign out at the provider, too; "" where
// it has no address for that, or settings say off. It asks nobody: the metadata that was
// read last counts.
func (c *Consumer) SignOut(p *upstream.Provider, _ i18n.Lang) string {
	idp := p.SAML.Known
	if idp == nil {
		idp, _, _ = c.of(p).usable(c.Now())
	}
	if idp == nil || p.SAML.Logout == upstream.Off {
		return ""
	}
	if _, ok := logoutOf(p, idp, p.SAML.Binding); !ok {
		return ""
	}
	return upstream.LeavePath(p.ID)
}

// logoutOf is where messages of logout go: by the binding of the settings, or else by
// redirect where it is offered.
func logoutOf(p *upstream.Provider, idp *protocol.IdentityProvider, binding protocol.Binding) (protocol.Endpoint, bool) {
	if p.SAML.Logout == upstream.Off {
		return protocol.Endpoint{}, false
	}
	for _, one := range []protocol.Binding{binding, protocol.RedirectBinding, protocol.PostBinding} {
		if to, ok := idp.Endpoint(idp.Logout, one); ok {
			return to, true
		}
	}
	return protocol.Endpoint{}, false
}

// outgoing is a message on its way by either binding.
type outgoing interface {
	Redirect(relayState string, s *xmlsec.Signer) (string, error)
	Post(relayState string, s *xmlsec.Signer) (protocol.Form, error)
}

// send makes the request of a browser that carries a message.
func send(m outgoing, binding protocol.Binding, state string, s *xmlsec.Signer) (upstream.Request, error) {
	if binding == protocol.RedirectBinding {
		address, err := m.Redirect(state, s)
		return upstream.Request{URL: address}, err
	}
	form, err := m.Post(state, s)
	if err != nil {
		return upstream.Request{}, err
	}
	fields := url.Values{form.Field: {form.Value}}
	if form.RelayState != "" {
		fields.Set("RelayState", form.RelayState)
	}
	return upstream.Request{URL: form.Action, Form: fields}, nil
}

// Leave asks the provider to end somebody's session there, named as it named it (core
// 3.7.1; profiles 4.4.3.1). It is told nothing else.
func (c *Consumer) Leave(ctx context.Context, p *upstream.Provider, whom upstream.Presence) (upstream.Request, error) {
	none := upstream.Request{}
	idp, err := c.partner(ctx, p)
	if err != nil {
		return none, err
	}
	to, ok := logoutOf(p, idp, p.SAML.Binding)
	if !ok {
		return none, upstream.Fail(upstream.Invalid, "the metadata has no address for logout")
	}
	signer, err := c.signer(p)
	if err != nil {
		return none, err
	}
	now := c.Now()
	pending := upstream.Pending{
		Provider: p.ID, Issuer: p.Issuer, Protocol: p.Protocol, State: c.Relays.New(p.ID, now), Request: protocol.NewID(), At: now,
	}
	request := protocol.LogoutRequest{
		ID: pending.Request, IssueInstant: now, Destination: to.Location, Issuer: c.entityID(p), NotOnOrAfter: now.Add(leaveLife),
		NameID: protocol.NameID{
			Value: whom.Subject, Format: whom.Format, NameQualifier: whom.NameQualifier, SPNameQualifier: whom.SPNameQualifier,
		},
	}
	if whom.Index != "" {
		request.SessionIndexes = []string{whom.Index}
	}
	out, err := send(request, to.Binding, pending.State, signer)
	out.Pending = pending
	return out, err
}

// Left checks the provider's answer to Leave (core 3.7.3.2; profiles 4.4.3.4). It reports
// whether the provider could not sign the person out everywhere. An upstream.Error of
// kind Refused is the provider's no.
func (c *Consumer) Left(ctx context.Context, p *upstream.Provider, pending upstream.Pending, answer upstream.Answer) (partly bool, err error) {
	m, err := decode(answer)
	if err != nil {
		return false, err
	}
	if pending.State == "" || pending.Request == "" || pending.Issuer != p.Issuer || !secret.Equal([]byte(m.RelayState), []byte(pending.State)) {
		return false, byBrowser(upstream.Replay, errors.New("the relay state is not that of the request"))
	}
	err = c.trusting(ctx, p, func(trust protocol.Trust) (err error) {
		expect := c.expectLogout(p)
		expect.RequestID = pending.Request
		partly, err = protocol.ReadLogoutResponse(m, trust, expect)
		return err
	})
	return partly, err
}

// Departing checks a provider's request to end the sessions of somebody here (profiles
// 4.4.3.2 and 4.4.4.1). Whoever acts on it takes its identifier first, once.
func (c *Consumer) Departing(ctx context.Context, p *upstream.Provider, answer upstream.Answer) (upstream.Departure, error) {
	none := upstream.Departure{}
	m, err := decode(answer)
	if err != nil {
		return none, err
	}
	var r *protocol.LogoutRequest
	err = c.trusting(ctx, p, func(trust protocol.Trust) (err error) {
		r, err = protocol.ReadLogoutRequest(m, trust, c.expectLogout(p))
		return err
	})
	if err != nil {
		return none, err
	}
	if r.NameID.Format != p.SAML.NameID && r.NameID.Format != protocol.FormatUnspecified {
		return none, byBrowser(upstream.Invalid, errors.New("a name identifier of another format than that of sign-ins"))
	}
	return upstream.Departure{
		Issuer: r.Issuer, Subject: r.NameID.Value, Indexes: r.SessionIndexes, ID: r.ID, Until: r.NotOnOrAfter, State: m.RelayState,
	}, nil
}

// Departed answers a provider's request that was obeyed (core 3.7.3.2). That nobody here
// goes by the name is no other answer: whose session is over is signed out.
func (c *Consumer) Departed(ctx context.Context, p *upstream.Provider, d upstream.Departure) (upstream.Request, error) {
	none := upstream.Request{}
	idp, err := c.partner(ctx, p)
	if err != nil {
		return none, err
	}
	// By redirect wherever it is offered: a form waits for its button.
	to, ok := logoutOf(p, idp, "")
	if !ok {
		return none, upstream.Fail(upstream.Invalid, "the metadata has no address for logout")
	}
	signer, err := c.signer(p)
	if err != nil {
		return none, err
	}
	response := protocol.LogoutResponse{
		ID: protocol.NewID(), IssueInstant: c.Now(), Destination: to.Answers(), Issuer: c.entityID(p), InResponseTo: d.ID,
		Status: protocol.StatusSuccess,
	}
	return send(response, to.Binding, d.State, signer)
}

// decode reads a message of logout as its binding delivered it: in the query of an
// address, or in the fields of a form.
func decode(answer upstream.Answer) (*protocol.Message, error) {
	var m *protocol.Message
	var err error
	if answer.RawQuery != "" {
		m, err = protocol.DecodeRedirect(answer.RawQuery)
	} else {
		for _, values := range answer.Params {
			if len(values) > 1 {
				return nil, byBrowser(upstream.Invalid, errors.New("a field of the message is there twice"))
			}
		}
		m, err = protocol.DecodePost(answer.Params.Get("SAMLRequest"), answer.Params.Get("SAMLResponse"), answer.Params.Get("RelayState"))
	}
	if err != nil {
		return nil, failed(err)
	}
	return m, nil
}

func (c *Consumer) expectLogout(p *upstream.Provider) protocol.ExpectLogout {
	return protocol.ExpectLogout{Issuer: p.Issuer, Audience: c.entityID(p), Destination: c.logoutAddress(p), Now: c.Now(), Skew: p.Skew}
}

// trusting reads a message with the provider's keys, which are asked for once more when
// none of them made the signature.
func (c *Consumer) trusting(ctx context.Context, p *upstream.Provider, read func(protocol.Trust) error) error {
	idp, err := c.partner(ctx, p)
	if err != nil {
		return err
	}
	err = read(trust(p, idp, c.Now()))
	if errors.Is(err, &protocol.Error{Reason: protocol.BadSignature}) {
		if newer, ok := c.renewed(ctx, p); ok {
			err = read(trust(p, newer, c.Now()))
		}
	}
	if err != nil {
		return failed(err)
	}
	return nil
}
