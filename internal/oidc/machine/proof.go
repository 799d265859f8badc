package machine

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// nonceFor is how long a nonce is given out; it is taken twice as long (RFC 9449, 8).
const nonceFor = 3 * time.Minute

// Proof reads the proof of possession of a request (RFC 9449, 4.3): nil when there is none.
// accessToken is the token that it must be made for; "" at the endpoints that take none.
// That it is used once is for the caller to see to: UseProof in its transaction, or Once; of a
// request without a token that is refused, Refused sees to it.
// An error that is a *protocol.Error is the refusal to answer with.
func (d *Door) Proof(w http.ResponseWriter, r *http.Request, accessToken string) (*grant.Proof, error) {
	sent := r.Header.Values("Dpop")
	if len(sent) == 0 {
		return nil, nil //nolint:nilnil // most requests bring none
	}
	if len(sent) > 1 {
		return nil, protocol.ProofRefused()
	}
	payload, thumbprint, err := jose.Possession(sent[0], protocol.TypeProof, ProofAlgorithms()...)
	if err != nil {
		return nil, protocol.ProofRefused().Because(protocol.ProofSignature)
	}
	now := d.Now()
	proof, bad := protocol.ReadProof(payload, thumbprint, r.Method, d.base(r)+r.URL.EscapedPath(), accessToken, now)
	if bad != nil {
		return nil, bad
	}
	if err := d.checkNonce(w, proof.Nonce, now); err != nil {
		return nil, err
	}
	out := &grant.Proof{Thumbprint: thumbprint, JTI: proof.JTI, Expires: now.Add(protocol.ProofLife)}
	if accessToken == "" {
		callOf(r).proof = out
	}
	return out, nil
}

// ProofAlgorithms are those of proofs of possession. RS256 is not among them: nothing older
// needs it here (FAPI 2.0 Security Profile, 5.4).
func ProofAlgorithms() []jose.Algorithm { return []jose.Algorithm{jose.ES256, jose.PS256, jose.EdDSA} }

// checkNonce wants a nonce of ours where the deployment demands one.
func (d *Door) checkNonce(w http.ResponseWriter, sent string, now time.Time) error {
	if !d.Settings.ProofNonce {
		return nil
	}
	w.Header().Set("Dpop-Nonce", d.nonce(now))
	if d.ours(sent, now) {
		return nil
	}
	return protocol.NonceWanted()
}

// nonce is the nonce of a time: every node makes and takes the same ones, and keeps none.
func (d *Door) nonce(at time.Time) string {
	slot := strconv.FormatInt(at.UnixMilli()/nonceFor.Milliseconds(), 36)
	return slot + "." + d.Keys.Index("dpop.nonce", slot)
}

// ours reports whether a nonce was given out by this deployment a while ago at the most.
func (d *Door) ours(nonce string, now time.Time) bool {
	slot, mark, _ := strings.Cut(nonce, ".")
	for _, at := range []time.Time{now, now.Add(-nonceFor)} {
		if slot != strconv.FormatInt(at.UnixMilli()/nonceFor.Milliseconds(), 36) {
			continue
		}
		for _, index := range d.Keys.Indexes("dpop.nonce", slot) {
			if hmac.Equal([]byte(index), []byte(mark)) {
				return true
			}
		}
	}
	return false
}

// replays are the proofs that were used at endpoints which write nothing. They are known on
// one node only, and for as long as the proof could be used again.
type replays struct {
	mu     sync.Mutex
	now    map[string]struct{} // since begun
	before map[string]struct{} // of the lifetime before that
	begun  time.Time
}

// mostReplays bounds the memory that the used proofs of one lifetime take.
const mostReplays = 200_000

// errFull says that no more proofs can be remembered.
var errFull = errors.New("machine: too many proofs of possession at once")

// Once notes a proof where nothing is written to the database, and reports whether it was
// new on this node. Call it when everything else was good: then nobody without a token can
// fill the memory.
func (d *Door) Once(p grant.Proof) (bool, error) {
	key := base64.RawURLEncoding.EncodeToString(secret.Digest(p.Thumbprint + "\x00" + p.JTI))
	now := d.Now()
	d.used.mu.Lock()
	defer d.used.mu.Unlock()
	switch age := now.Sub(d.used.begun); {
	case age >= 2*protocol.ProofLife:
		d.used.now, d.used.before, d.used.begun = map[string]struct{}{}, nil, now
	case age >= protocol.ProofLife:
		d.used.now, d.used.before, d.used.begun = map[string]struct{}{}, d.used.now, now
	}
	_, lately := d.used.now[key]
	_, earlier := d.used.before[key]
	switch {
	case lately || earlier:
		return false, nil
	case len(d.used.now) >= mostReplays:
		return false, errFull
	}
	d.used.now[key] = struct{}{}
	return true, nil
}
