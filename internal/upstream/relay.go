package upstream

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"parvis/internal/secret"
)

// Relays makes and knows the relay states of our SAML requests (SAML bindings, 3.4.3):
// a random value, when it was made, and a code over both and the partner. So an answer
// to nothing that we asked is known before anything of it is kept.
type Relays struct {
	Keys *secret.Keys
}

// The parts of a relay state, in bytes and characters: 60 in all, of the 80 that there may be.
const (
	relayRandom = 16
	relayBytes  = relayRandom + 4
	relayCode   = 32
)

// relayPurpose keeps the codes apart from other uses of the key.
const relayPurpose = "upstream-relay"

// New makes the relay state of a request to a provider.
func (r Relays) New(provider ID, now time.Time) string {
	raw := make([]byte, relayRandom, relayBytes)
	_, _ = rand.Read(raw)                                        // never fails: crypto/rand ends the process instead
	raw = binary.BigEndian.AppendUint32(raw, uint32(now.Unix())) // until the year 2106
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text + "." + r.Keys.Index(relayPurpose, string(provider)+"|"+text)[:relayCode]
}

// Ours reports whether a relay state is one that was made for a request to a provider
// that can still be answered.
func (r Relays) Ours(provider ID, state string, now time.Time) bool {
	text, code, _ := strings.Cut(state, ".")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != relayBytes || len(code) != relayCode {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint32(raw[relayRandom:])), 0)
	if age := now.Sub(at); age < -time.Minute || age > pendingLife {
		return false
	}
	known := false
	for _, index := range r.Keys.Indexes(relayPurpose, string(provider)+"|"+text) {
		known = secret.Equal([]byte(index[:relayCode]), []byte(code)) || known
	}
	return known
}
