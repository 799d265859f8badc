package upstream

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
)

var idPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// visible is a value that goes into a request as one word.
var visible = regexp.MustCompile(`^[!#-\[\]-~]{1,256}$`)

// check collects problems while a provider is built.
type check struct {
	id       string
	problems []string
}

func (c *check) add(key, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("upstreams[%s].%s: %s", c.id, key, fmt.Sprintf(format, args...)))
}

func (c *check) words(s Settings) {
	if s.ID == "password" || s.ID == "passkey" {
		c.add("id", "is the name of another way to sign in; choose another one")
	}
	if !idPattern.MatchString(s.ID) {
		c.add("id", "use 1 to 63 lower-case letters, digits and dashes; it stands in the address that the partner sends people back to")
	}
	c.text("name", s.Name, 80, true)
	c.text("brand", s.Brand, 80, false)
	c.text("button", s.Button, 60, false)
	for key, text := range map[string]i18n.Text{"name": s.Name, "brand": s.Brand, "button": s.Button} {
		for lang, value := range text {
			if word := mixed(value); word != "" {
				c.add(key+"."+lang, "%q mixes letters of different scripts, which look like others", word)
			}
		}
	}
	c.text("banner", s.Banner, 400, false)
	c.text("help", s.Help, 800, false)
	for lang, address := range s.HelpURL {
		if err := protocol.CheckRedirectURI(address, false); err != nil {
			c.add("help_url."+lang, "%q %v", address, err)
		}
	}
}

// text wants one line per language; a required one at least in one language.
func (c *check) text(key string, text i18n.Text, limit int, required bool) {
	if required && len(text) == 0 {
		c.add(key, "write it in every language that is offered, e.g. {en: …, fr: …}")
	}
	for lang, value := range text {
		switch {
		case strings.TrimSpace(value) == "":
			c.add(key+"."+lang, "must not be empty")
		case len([]rune(value)) > limit:
			c.add(key+"."+lang, "use at most %d characters", limit)
		case strings.ContainsFunc(value, hidden):
			c.add(key+"."+lang, "must be one line without control characters")
		}
	}
}

// hidden are control characters and those that change the direction of a text,
// which could make a name look like another one.
func hidden(r rune) bool {
	return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd || (r >= 0x200b && r <= 0x200f) ||
		(r >= 0x2028 && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff
}

func (c *check) numbers(s Settings) {
	between := func(key string, d, least, most time.Duration) {
		if d < least || d > most {
			c.add(key, "is %v; choose %v to %v", d, least, most)
		}
	}
	between("max_age", s.MaxAge, 0, 365*24*time.Hour)
	between("clock_skew", s.ClockSkew, time.Second, mostSkew)
	between("timeout", s.Timeout, 500*time.Millisecond, 30*time.Second)
	between("check_every", s.CheckEvery, time.Second, time.Hour)
}

func (c *check) worth(w Worth) {
	if w.Cap < policy.OneStep || w.Cap > policy.AAL3 {
		c.add("worth.cap", "choose one of %v", policy.Levels())
	}
	if w.Least > w.Cap {
		c.add("worth.least", "%v is more than worth.cap (%v) allows: nobody could sign in; raise the cap or lower this", w.Least, w.Cap)
	}
	for key, values := range map[string]map[string]policy.Level{"acr": w.ACR, "amr": w.AMR} {
		for value, level := range values {
			if !visible.MatchString(value) {
				c.add("worth."+key, "%q is no value of %s", value, key)
			}
			if level < policy.OneStep {
				c.add("worth."+key, "%q has no level; choose one of %v", value, policy.Levels())
			}
		}
	}
}

// issuer wants an https address that metadata can stand below (OpenID Connect
// Discovery 1.0, 3); http on the loopback only, for tests and the demonstration.
func (c *check) issuer(text string) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		c.add("issuer", "give the partner's issuer, e.g. https://sign-in.bank.example")
	case err != nil || len(text) > 512 || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "":
		c.add("issuer", "%.100q is no plain https address", text)
	case strings.ContainsAny(text, "?#*{}\\ ") || strings.ContainsFunc(text, hidden):
		c.add("issuer", "%.100q must have no query, no fragment and no placeholder", text)
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		c.add("issuer", "%.100q must begin with https://", text)
	}
}

// loopback is this machine itself, by number or name.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (c *check) client(o OIDCSettings) Client {
	if o.ClientID == "" || len(o.ClientID) > 256 || strings.ContainsFunc(o.ClientID, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		c.add("oidc.client_id", "write the client_id that the partner gave you")
	}
	c.oneOf("oidc.response_mode", o.ResponseMode, "query", "form_post")
	c.oneOf("oidc.par", string(o.PAR), string(Offered), string(On), string(Off))
	c.oneOf("oidc.dpop", string(o.DPoP), string(Offered), string(On), string(Off))
	c.oneOf("oidc.logout", string(o.Logout), string(Offered), string(Off))
	if o.Scopes[0] != "openid" {
		c.add("oidc.scopes", "openid must be the first")
	}
	c.visible("oidc.scopes", o.Scopes)
	c.visible("oidc.acr_values", o.ACRValues)
	for _, claim := range o.Claims {
		c.oneOf("oidc.claims", claim, "acr", "amr", "auth_time")
	}
	out := Client{
		ID: o.ClientID, Auth: o.Auth, Secret: o.Secret, SigningAlg: jose.Algorithm(o.SigningAlg), Scopes: o.Scopes, ACRValues: o.ACRValues,
		Claims: o.Claims, ResponseMode: o.ResponseMode, PAR: o.PAR, DPoP: o.DPoP, Logout: o.Logout, UserInfo: o.UserInfo, RequireIss: o.RequireIss,
	}
	for _, alg := range o.IDTokenAlgs {
		if !jose.Known(alg) {
			c.add("oidc.id_token_algs", "%q cannot be accepted; choose among %v", alg, jose.Algorithms())
		}
		out.Algorithms = append(out.Algorithms, jose.Algorithm(alg))
	}
	c.authentication(o, &out)
	c.decryption(o, &out)
	return out
}

func (c *check) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.add(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

func (c *check) visible(key string, values []string) {
	if len(values) > 20 {
		c.add(key, "name at most 20")
	}
	for i, value := range values {
		if !visible.MatchString(value) {
			c.add(key, "%q is no single value of visible characters", value)
		}
		if slices.Contains(values[:i], value) {
			c.add(key, "%q stands there twice", value)
		}
	}
}

// authentication checks how we show who we are.
func (c *check) authentication(o OIDCSettings, out *Client) {
	switch o.Auth {
	case AuthBasic, AuthPost:
		if o.Secret == "" {
			c.add("oidc.secret_file", "auth: %s needs the client secret that the partner gave you", o.Auth)
		}
		if len(o.Secret) > 1024 || strings.ContainsFunc(o.Secret, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			c.add("oidc.secret_file", "a client secret has at most 1024 visible characters")
		}
		if o.PrivateKey != "" {
			c.add("oidc.private_key_file", "is used with auth: private_key_jwt only; remove one of them")
		}
	case AuthPrivateKeyJWT:
		if o.Secret != "" {
			c.add("oidc.secret_file", "auth: private_key_jwt uses no secret; remove it")
		}
		c.signing(o, out)
	default:
		c.add("oidc.auth", "%q is not one of %s, %s, %s", o.Auth, AuthPrivateKeyJWT, AuthBasic, AuthPost)
	}
}

func (c *check) signing(o OIDCSettings, out *Client) {
	if !jose.Known(o.SigningAlg) {
		c.add("oidc.signing_alg", "%q cannot be used; choose among %v", o.SigningAlg, jose.Algorithms())
		return
	}
	if o.PrivateKey == "" {
		if out.SigningAlg != jose.ES256 && out.SigningAlg != jose.RS256 {
			c.add("oidc.signing_alg", "the deployment's own keys sign ES256 and RS256 only; give private_key_file for %s", o.SigningAlg)
		}
		return
	}
	keys, err := privateKeys(o.PrivateKey)
	if err == nil && len(keys) != 1 {
		err = errors.New("holds more than one key")
	}
	if err == nil {
		out.Signer, err = jose.NewSigner(out.SigningAlg, keys[0])
	}
	if err != nil {
		c.add("oidc.private_key_file", "%v", err)
	}
}

func (c *check) decryption(o OIDCSettings, out *Client) {
	if o.DecryptionKey == "" {
		return
	}
	keys, err := privateKeys(o.DecryptionKey)
	if err == nil {
		out.Decrypter, err = jose.NewDecrypter(keys...)
	}
	if err != nil {
		c.add("oidc.decryption_key_file", "%v", err)
	}
}

// privateKeys reads PEM blocks of PKCS #8, as `openssl genpkey` writes them.
func privateKeys(text string) ([]crypto.Signer, error) {
	var out []crypto.Signer
	rest := []byte(text)
	for len(out) < 5 {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "PRIVATE KEY" {
			return nil, fmt.Errorf("holds a PEM block %q; write the key as PKCS #8: openssl pkcs8 -topk8 -nocrypt", block.Type)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("holds a key that cannot be read")
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("holds a key of type %T", key)
		}
		out = append(out, signer)
	}
	if len(out) == 0 {
		return nil, errors.New("holds no private key in PEM (PKCS #8), as openssl genpkey writes it")
	}
	return out, nil
}

// logo takes PNG only: an SVG can carry scripts.
func (c *check) logo(data string) []byte {
	if data == "" {
		return nil
	}
	text, ok := strings.CutPrefix(data, "data:image/png;base64,")
	if !ok || len(text) > base64.StdEncoding.EncodedLen(MaxLogo) {
		c.add("logo", "write a PNG of at most %d bytes as data:image/png;base64,…", MaxLogo)
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")) {
		c.add("logo", "is no PNG")
		return nil
	}
	return raw
}
