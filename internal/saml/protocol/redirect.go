package protocol

import (
	"bytes"
	"compress/flate"
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"parvis/internal/xmlsec"
)

// The caps of a redirect, in bytes: of its query, and of the message once it is
// inflated, which 10 kB could otherwise make a gigabyte of.
const (
	maxQuery    = 32 << 10
	maxInflated = 64 << 10
)

// The parameters of a redirect (bindings 3.4.4).
const (
	paramRequest    = "SAMLRequest"
	paramResponse   = "SAMLResponse"
	paramRelayState = "RelayState"
	paramAlgorithm  = "SigAlg"
	paramSignature  = "Signature"
	paramEncoding   = "SAMLEncoding"
)

// detached is the signature of a redirect.
type detached struct {
	octets, signature []byte
	algorithm         xmlsec.Algorithm
}

// verify checks it with any of the keys.
func (d *detached) verify(keys []crypto.PublicKey) error {
	if err := xmlsec.VerifyOctets(d.octets, d.signature, d.algorithm, keys); err != nil {
		return ofXML("the signature of the redirect", err)
	}
	return nil
}

// DecodeRedirect reads a message from the query of an address, as it came and
// without its question mark (bindings 3.4.4). A parameter that comes twice, is
// written in two ways or is none of the binding's or of extra is refused, and so
// is a request beside a response: whoever verifies must not see another message
// than whoever reads.
func DecodeRedirect(query string, extra ...string) (*Message, error) {
	params, err := splitQuery(query, extra)
	if err != nil {
		return nil, err
	}
	name, other := paramRequest, paramResponse
	if _, ok := params[paramResponse]; ok {
		name, other = other, name
	}
	if _, ok := params[other]; ok {
		return nil, malformed("a request beside a response")
	}
	if encoding, ok := params[paramEncoding]; ok && encoding.value != deflate {
		return nil, malformed("an encoding that is not DEFLATE")
	}
	if len(params[paramRelayState].value) > MaxRelayState {
		return nil, malformed("a relay state of more than 80 bytes")
	}
	raw, err := inflate(params[name].value)
	if err != nil {
		return nil, err
	}
	m, err := newMessage(raw, RedirectBinding, name == paramResponse, params[paramRelayState].value)
	if err != nil {
		return nil, err
	}
	m.detached, err = readDetached(params, name)
	return m, err
}

// param is a parameter as it was written and as it reads.
type param struct {
	raw, value string
}

// splitQuery splits a query into the parameters of the binding.
func splitQuery(query string, extra []string) (map[string]param, error) {
	if len(query) > maxQuery {
		return nil, malformed("a query that is too long")
	}
	own := []string{paramRequest, paramResponse, paramRelayState, paramAlgorithm, paramSignature, paramEncoding}
	out := map[string]param{}
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, ok := strings.Cut(pair, "=")
		if slices.Contains(extra, name) {
			continue
		}
		if !ok || !slices.Contains(own, name) {
			return nil, malformed("a parameter that does not belong in a redirect")
		}
		if _, twice := out[name]; twice {
			return nil, malformed("a parameter comes twice: " + name)
		}
		value, err := url.QueryUnescape(raw)
		if err != nil {
			return nil, malformed("a parameter with a bad escape: " + name)
		}
		out[name] = param{raw: raw, value: value}
	}
	return out, nil
}

// readDetached reads the signature. What was signed are the parameters in their
// order as the sender escaped them (bindings 3.4.4.1), so they are taken from the
// query as it came and never escaped anew.
func readDetached(params map[string]param, name string) (*detached, error) {
	signature, signed := params[paramSignature]
	algorithm, ok := params[paramAlgorithm]
	if !signed && !ok {
		return nil, nil //nolint:nilnil // not signed, which is no error here
	}
	if !signed || !ok {
		return nil, malformed("a signature without algorithm, or the reverse")
	}
	value, err := xmlsec.DecodeBase64(signature.value)
	if err != nil {
		return nil, ofXML("the signature of the redirect", err)
	}
	octets := name + "=" + params[name].raw
	if state, ok := params[paramRelayState]; ok {
		octets += "&" + paramRelayState + "=" + state.raw
	}
	octets += "&" + paramAlgorithm + "=" + algorithm.raw
	return &detached{octets: []byte(octets), signature: value, algorithm: xmlsec.Algorithm(algorithm.value)}, nil
}

// inflate undoes base64 and DEFLATE (bindings 3.4.4.1; RFC 1951), up to maxInflated bytes.
func inflate(text string) ([]byte, error) {
	packed, err := xmlsec.DecodeBase64(text)
	if err != nil {
		return nil, ofXML("the message", err)
	}
	in := bytes.NewReader(packed)
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(in), maxInflated+1))
	switch {
	case err != nil:
		return nil, malformed("the message is not packed by DEFLATE")
	case len(raw) > maxInflated:
		return nil, malformed("the message is too long once it is unpacked")
	case in.Len() > 0:
		return nil, malformed("something follows the packed message")
	}
	return raw, nil
}

// outgoing is a message of ours on its way.
type outgoing struct {
	destination string
	answer      bool
	element     *xmlsec.Element
}

// field is the name of the parameter that carries it.
func (o outgoing) field() string {
	if o.answer {
		return paramResponse
	}
	return paramRequest
}

// redirect is the address to send the browser to (bindings 3.4.4). Without a signer it is not signed.
func (o outgoing) redirect(relayState string, s *xmlsec.Signer) (string, error) {
	if len(relayState) > MaxRelayState {
		return "", errors.New("saml: a relay state of more than 80 bytes")
	}
	raw, err := o.element.Canonical()
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	query := o.field() + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relayState != "" {
		query += "&" + paramRelayState + "=" + url.QueryEscape(relayState)
	}
	if s != nil {
		query += "&" + paramAlgorithm + "=" + url.QueryEscape(string(s.Algorithm()))
		signature, err := s.SignOctets([]byte(query))
		if err != nil {
			return "", err
		}
		query += "&" + paramSignature + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
	}
	separator := "?"
	if strings.Contains(o.destination, "?") {
		separator = "&"
	}
	return o.destination + separator + query, nil
}
