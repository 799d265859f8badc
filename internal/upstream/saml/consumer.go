// Package saml is the SAML 2.0 consumer of sign-in partners: the service provider of
// the Web Browser SSO profile (profiles 4.1) and, where the partner has it, of Single
// Logout (4.4). Requests are always signed, by redirect
// or by form; answers come by form only, to one address for each partner, and answer
// a request of the browser that brings them.
//
// The Consumer is stateless but for a cache of metadata, which renews itself, and is
// safe for concurrent use. The rules of messages and the cryptography are those of
// saml/protocol and xmlsec; this package says what to expect and whom to believe. All
// calls go through outbound, each within the provider's timeout. What is sent is built
// from the Provider and the Ask alone, so that nothing of the service that a person is
// on the way to can leave (R42); tests compare every byte.
//
// Metadata is believed because of its address (TLS), or, better, because of a pinned
// certificate that signed it. It is fetched again before it is old, and once more when
// an answer is signed by a key that it does not name; what has expired is not used.
//
// Our key for signatures is the deployment's RSA key or one of the partner's settings.
// SAML publishes keys as certificates, so each key is wrapped in a self-signed one that
// every node makes alike (xmlsec.SelfSigned); our metadata names the key that signs
// now, the one to come and the ones before, so that a partner which reads it again
// follows a change of keys by itself.
//
// It refuses what saml/protocol refuses, and besides: assertions that were accepted
// before (upstream.Assertions), answers that nobody asked for, unencrypted assertions
// where encryption is on, and messages of logout that are not signed. From an assertion it reads the name identifier, the
// authentication context, the instant and the session's index, and nothing else about
// the person.
package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"parvis/internal/keyring"
	"parvis/internal/outbound"
	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
)

// Consumer speaks SAML 2.0 with providers. All exported fields are needed.
type Consumer struct {
	Outbound   *outbound.Client
	Signing    func() ([]keyring.Private, error) // the deployment's RSA keys, the one that signs now first
	Assertions upstream.Assertions
	Relays     upstream.Relays
	BaseURL    string        // the deployment's public address
	Cached     time.Duration // how long partners may keep our metadata
	Now        func() time.Time

	mutex        sync.Mutex
	caches       map[source]*cache
	certificates map[string]*x509.Certificate // of keys, by instant and public part
	published    map[upstream.ID]document
}

// callback is our one address for the answers of a provider.
func (c *Consumer) callback(p *upstream.Provider) string {
	return strings.TrimSuffix(c.BaseURL, "/") + upstream.CallbackPath(p.ID)
}

// entityID is our name at a provider.
func (c *Consumer) entityID(p *upstream.Provider) string {
	if p.SAML.EntityID != "" {
		return p.SAML.EntityID
	}
	return strings.TrimSuffix(c.BaseURL, "/") + upstream.MetadataPath(p.ID)
}

// Begin makes the request of a sign-in (core 3.4.1; profiles 4.1.4.1).
func (c *Consumer) Begin(ctx context.Context, p *upstream.Provider, ask upstream.Ask) (upstream.Request, error) {
	none := upstream.Request{}
	idp, err := c.partner(ctx, p)
	if err != nil {
		return none, err
	}
	to, ok := signOn(p, idp)
	if !ok {
		return none, upstream.Fail(upstream.Invalid, "the metadata has no address for sign-in by the binding of the settings")
	}
	signer, err := c.signer(p)
	if err != nil {
		return none, err
	}
	pending := upstream.Pending{State: c.Relays.New(p.ID, c.Now()), Request: protocol.NewID(), At: c.Now()}
	request := protocol.AuthnRequest{
		ID: pending.Request, IssueInstant: pending.At, Destination: to.Location, Issuer: c.entityID(p), ACS: c.callback(p),
		// SAML cannot ask for an age: where one is demanded, the person signs in anew.
		ForceAuthn:   ask.Fresh || ask.MaxAge != nil,
		NameIDFormat: p.SAML.NameID, AllowCreate: true,
		Contexts: p.Worth.Enough(p.SAML.Contexts, ask.Level),
	}
	if to.Binding == protocol.RedirectBinding {
		address, err := request.Redirect(pending.State, signer)
		if err != nil {
			return none, err
		}
		return upstream.Request{URL: address, Pending: pending}, nil
	}
	form, err := request.Post(pending.State, signer)
	if err != nil {
		return none, err
	}
	fields := url.Values{form.Field: {form.Value}, "RelayState": {form.RelayState}}
	return upstream.Request{URL: form.Action, Form: fields, Pending: pending}, nil
}

// signOn is where requests go: by the binding of the settings, or by redirect where it is offered.
func signOn(p *upstream.Provider, idp *protocol.IdentityProvider) (protocol.Endpoint, bool) {
	if p.SAML.Binding != "" {
		return idp.Endpoint(idp.SignOn, p.SAML.Binding)
	}
	if to, ok := idp.Endpoint(idp.SignOn, protocol.RedirectBinding); ok {
		return to, true
	}
	return idp.Endpoint(idp.SignOn, protocol.PostBinding)
}

// Probe looks whether the provider answers. Where its metadata is beside its address
// for sign-in, fetching it tells, and keeps the cache fresh; else the address itself
// is opened without a request, to which every answer will do that is not a proxy's
// word for an outage. An address that we may not call from here tells nothing.
func (c *Consumer) Probe(ctx context.Context, p *upstream.Provider, _ bool) error {
	idp, err := c.partner(ctx, p)
	if err != nil {
		return err
	}
	to, ok := signOn(p, idp)
	if !p.SAML.Probe || !ok {
		return nil
	}
	if p.SAML.MetadataURL != "" && sameHost(p.SAML.MetadataURL, to.Location) {
		_, err := c.fetch(ctx, p)
		return err
	}
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	answer, err := c.Outbound.Do(limited, outbound.Request{Method: "GET", URL: to.Location})
	if e, ok := errors.AsType[*outbound.Error](err); ok && (e.Kind == outbound.Refused || e.Kind == outbound.TooLarge) {
		return nil
	}
	if err == nil && (answer.Status == 429 || answer.Status >= 502 && answer.Status <= 504) {
		err = answer.Err()
	}
	if err != nil {
		return upstream.Called(ctx, "address for sign-in", err)
	}
	return nil
}

func sameHost(a, b string) bool {
	one, err := url.Parse(a)
	if err != nil {
		return false
	}
	other, err := url.Parse(b)
	return err == nil && one.Scheme == other.Scheme && one.Host == other.Host
}
