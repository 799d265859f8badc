package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"parvis/internal/outbound"
)

// signer signs requests for AWS (Signature Version 4, AWS4-HMAC-SHA256).
type signer struct{ keyID, key, region, service string }

// sign adds X-Amz-Date and Authorization to a request for the path "/" without a query,
// which is all that the query interfaces need. Every header is signed.
func (s signer) sign(r *outbound.Request, host string, at time.Time) {
	at = at.UTC()
	stamp := at.Format("20060102T150405Z")
	r.Header["X-Amz-Date"] = stamp
	signed := map[string]string{"host": host}
	for name, value := range r.Header {
		signed[strings.ToLower(name)] = strings.Join(strings.Fields(value), " ")
	}
	names := slices.Sorted(maps.Keys(signed))
	canonical := []string{r.Method, "/", ""}
	for _, name := range names {
		canonical = append(canonical, name+":"+signed[name])
	}
	list := strings.Join(names, ";")
	canonical = append(canonical, "", list, digest(r.Body))
	scope := at.Format("20060102") + "/" + s.region + "/" + s.service + "/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + digest([]byte(strings.Join(canonical, "\n")))
	key := []byte("AWS4" + s.key)
	for part := range strings.SplitSeq(scope, "/") {
		key = keyed(key, part)
	}
	r.Header["Authorization"] = "AWS4-HMAC-SHA256 Credential=" + s.keyID + "/" + scope +
		", SignedHeaders=" + list + ", Signature=" + hex.EncodeToString(keyed(key, text))
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
