package protocol

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"parvis/internal/jose"
)

// How old a proof of possession may be, and how far its maker's clock may run ahead (RFC
// 9449, 11.1).
const (
	proofAge   = 60 * time.Second
	proofAhead = 30 * time.Second
	// ProofLife is for how long a proof that was used must be remembered.
	ProofLife = proofAge + proofAhead
)

// TypeProof is the typ of a proof (RFC 9449, 4.2).
const TypeProof = "dpop+jwt"

// Proof is what a proof of possession says (RFC 9449, 4.2).
type Proof struct {
	Thumbprint string // of the key (RFC 7638)
	JTI        string
	Nonce      string // "" none
}

// ReadProof checks the claims of a proof whose signature was good (RFC 9449, 4.3): it was
// made for this method and address, now, and with an access token for that token.
func ReadProof(payload []byte, thumbprint, method, uri, accessToken string, now time.Time) (Proof, *Error) {
	var c struct {
		JTI   string   `json:"jti"`
		HTM   string   `json:"htm"`
		HTU   string   `json:"htu"`
		IAT   *float64 `json:"iat"`
		ATH   string   `json:"ath"`
		Nonce string   `json:"nonce"`
	}
	if jose.Exact(payload, &c) != nil {
		return Proof{}, badProof("the DPoP proof has claims of a wrong type")
	}
	switch {
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return Proof{}, badProof("the DPoP proof needs a jti of at most 256 characters")
	case c.HTM != method:
		return Proof{}, badProof("htm of the DPoP proof is not the method of the request")
	case !sameTarget(c.HTU, uri):
		return Proof{}, badProof("htu of the DPoP proof is not the address of the request")
	case c.IAT == nil:
		return Proof{}, badProof("the DPoP proof needs iat")
	case numericDate(c.IAT).Before(now.Add(-proofAge)) || numericDate(c.IAT).After(now.Add(proofAhead)):
		return Proof{}, badProof("iat of the DPoP proof is too far from now")
	case accessToken != "" && c.ATH != tokenHash(accessToken):
		return Proof{}, badProof("ath of the DPoP proof is not the hash of the access token")
	}
	return Proof{Thumbprint: thumbprint, JTI: c.JTI, Nonce: c.Nonce}, nil
}

// tokenHash is ath (RFC 9449, 4.2).
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sameTarget compares addresses without query and fragment, after the normalization of
// scheme, host and port (RFC 9449, 4.3, 9; RFC 3986, 6.2.2 and 6.2.3).
func sameTarget(given, ours string) bool {
	a, errA := url.Parse(given)
	b, errB := url.Parse(ours)
	if errA != nil || errB != nil || a.User != nil || len(given) > MaxURI {
		return false
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && host(a) == host(b) && path(a) == path(b)
}

func host(u *url.URL) string {
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" && strings.EqualFold(u.Scheme, "https") {
		port = "443"
	}
	if port == "" {
		port = "80"
	}
	return name + ":" + port
}

func path(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

func badProof(description string) *Error { return direct(InvalidProof, description) }

// ProofRefused answers a proof that is no proof; several in one request are none (RFC 9449, 4.3).
func ProofRefused() *Error {
	return badProof("the request needs exactly one DPoP proof, signed with the key in its header")
}

// ProofReplayed answers a proof that came a second time.
func ProofReplayed() *Error { return badProof("the DPoP proof was used before") }

// NonceWanted answers a proof without a nonce of ours, or with an old one (RFC 9449, 8).
func NonceWanted() *Error {
	return direct(UseNonce, "the DPoP proof must contain the nonce of the DPoP-Nonce header")
}

// isThumbprint reports whether a text can be dpop_jkt (RFC 9449, 10).
func isThumbprint(s string) bool { return len(s) == 43 && isBase64URL(s) }
