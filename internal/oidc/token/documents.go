package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
)

// documents are answers made once.
type documents struct{ discovery []byte }

func makeDocuments(c Config) (documents, error) {
	var locales, algs []string
	for _, l := range c.Site.Langs {
		locales = append(locales, string(l))
	}
	for _, a := range jose.Algorithms() {
		algs = append(algs, string(a))
	}
	text, err := protocol.Discovery(c.Issuer, locales, policy.ACRValues(), algs)
	if err != nil {
		return documents{}, fmt.Errorf("token: %w", err)
	}
	return documents{discovery: text}, nil
}

// discovery is the same document at both addresses (OpenID Connect Discovery 1.0, 4; RFC 8414, 3).
func (e *Endpoint) discovery(w http.ResponseWriter, r *http.Request) error {
	document(w, r, e.documents.discovery, "application/json", e.Settings.DiscoveryCache)
	return nil
}

// jwks are the published keys (RFC 7517, 5).
func (e *Endpoint) jwks(w http.ResponseWriter, r *http.Request) error {
	document(w, r, e.Keyring.JWKS(), "application/json", e.Keyring.Settings.CacheFor)
	return nil
}

// document writes bytes that may be kept for a while, and 304 when they are kept already.
func document(w http.ResponseWriter, r *http.Request, text []byte, kind string, life time.Duration) {
	sum := sha256.Sum256(text)
	h := w.Header()
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(life/time.Second)))
	h.Set("Content-Type", kind)
	if r.Method != http.MethodGet || conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		return
	}
	// What ServeContent answers to everybody else, without its buffer.
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text) // the client has gone
}

// conditional reports whether a request asks for a part, or for something only if it has changed.
func conditional(h http.Header) bool {
	for _, name := range []string{"Range", "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}
