package saml

import (
	"crypto/x509"
	"net/url"
	"time"

	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
	"parvis/internal/xmlsec"
)

// since is when the certificates begin that are made for keys of the settings, of
// which nobody says when they were made.
func since() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// publishedFor is how long metadata that was made is given out as it is: signing it
// takes milliseconds, and anybody may ask for it.
const publishedFor = time.Minute

// document is metadata that was made lately.
type document struct {
	of     *upstream.Provider
	signer string // key id of the certificate that stands first
	at     time.Time
	raw    []byte
}

// signer signs requests and metadata for a provider.
func (c *Consumer) signer(p *upstream.Provider) (*xmlsec.Signer, error) {
	if own := p.SAML.Signing; own != nil {
		certificate, err := c.certificateOf(*own)
		if err != nil {
			return nil, err
		}
		return xmlsec.NewSigner(own.Key, certificate)
	}
	keys, err := c.Signing()
	if err != nil {
		return nil, err
	}
	certificate, err := c.selfSigned(upstream.CertifiedKey{Key: keys[0].Signer.Key()}, keys[0].CreatedAt)
	if err != nil {
		return nil, err
	}
	return xmlsec.NewSigner(keys[0].Signer.Key(), certificate)
}

// signing are the certificates that our signatures can be verified with.
func (c *Consumer) signing(p *upstream.Provider) ([]*x509.Certificate, error) {
	if own := p.SAML.Signing; own != nil {
		certificate, err := c.certificateOf(*own)
		return []*x509.Certificate{certificate}, err
	}
	keys, err := c.Signing()
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, key := range keys {
		certificate, err := c.selfSigned(upstream.CertifiedKey{Key: key.Signer.Key()}, key.CreatedAt)
		if err != nil {
			return nil, err
		}
		out = append(out, certificate)
	}
	return out, nil
}

// certificateOf is the certificate of a key of the settings.
func (c *Consumer) certificateOf(key upstream.CertifiedKey) (*x509.Certificate, error) {
	if key.Certificate != nil {
		return key.Certificate, nil
	}
	return c.selfSigned(key, since())
}

// selfSigned makes the certificate of a key, once.
func (c *Consumer) selfSigned(key upstream.CertifiedKey, from time.Time) (*x509.Certificate, error) {
	public, err := x509.MarshalPKIXPublicKey(key.Key.Public())
	if err != nil {
		return nil, err
	}
	of := from.UTC().Format(time.RFC3339) + string(public)
	c.mutex.Lock()
	known := c.certificates[of]
	c.mutex.Unlock()
	if known != nil {
		return known, nil
	}
	host := ""
	if u, err := url.Parse(c.BaseURL); err == nil {
		host = u.Hostname()
	}
	made, err := xmlsec.SelfSigned(key.Key, host, from)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.certificates == nil || len(c.certificates) > 100 {
		c.certificates = map[string]*x509.Certificate{}
	}
	c.certificates[of] = made
	return made, nil
}

// Metadata is our metadata for a provider, signed with the key that signs requests
// (metadata 2.4.4). It says nothing of any service, and is another one for each
// provider, so that two providers share no name of ours.
func (c *Consumer) Metadata(p *upstream.Provider) ([]byte, error) {
	signing, err := c.signing(p)
	if err != nil {
		return nil, err
	}
	now, first := c.Now(), signing[0].SerialNumber.String()
	c.mutex.Lock()
	known, ok := c.published[p.ID]
	c.mutex.Unlock()
	if ok && known.of == p && known.signer == first && !now.Before(known.at) && now.Sub(known.at) < publishedFor {
		return known.raw, nil
	}
	sp := protocol.ServiceProvider{
		EntityID: c.entityID(p), ACS: c.callback(p), NameIDFormats: []string{p.SAML.NameID}, Signing: signing,
		AssertionsSigned: true, CacheDuration: c.Cached,
	}
	if p.SAML.Logout != upstream.Off {
		for _, binding := range []protocol.Binding{protocol.RedirectBinding, protocol.PostBinding} {
			sp.Logout = append(sp.Logout, protocol.Endpoint{Binding: binding, Location: c.logoutAddress(p)})
		}
	}
	if len(p.SAML.Decryption) > 0 { // the older ones are only read with
		certificate, err := c.certificateOf(p.SAML.Decryption[0])
		if err != nil {
			return nil, err
		}
		sp.Encryption = []*x509.Certificate{certificate}
	}
	signer, err := c.signer(p)
	if err != nil {
		return nil, err
	}
	raw, err := sp.Metadata(protocol.NewID(), signer)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.published == nil {
		c.published = map[upstream.ID]document{}
	}
	c.published[p.ID] = document{of: p, signer: first, at: now, raw: raw}
	return raw, nil
}
