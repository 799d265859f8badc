package bank

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"parvis/internal/jose"
)

// Fault is a way in which the bank misbehaves, until another one is chosen.
type Fault string

// The faults.
const (
	None        Fault = "none"
	Outage      Fault = "outage"      // everything answers 503
	Unreachable Fault = "unreachable" // connections are closed without an answer
	Slow        Fault = "slow"        // everything takes ten seconds

	Denied        Fault = "access_denied" // as the next three an error in place of a code (RFC 6749, 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)
	Unavailable   Fault = "temporarily_unavailable"
	ServerError   Fault = "server_error"
	LoginRequired Fault = "login_required"

	WrongSignature Fault = "wrong-signature" // of the ID token
	UnknownKey     Fault = "unknown-key"     // it is signed with a key that is not published
	RolledKeys     Fault = "rolled-keys"     // a new key signs, and is published: nothing is wrong
	WrongIssuer    Fault = "wrong-issuer"    // iss in the ID token is another's
	WrongAudience  Fault = "wrong-audience"  // aud in it is another's
	Expired        Fault = "expired"         // it is over
	WrongNonce     Fault = "wrong-nonce"     // it belongs to another request
	ForeignAnswer  Fault = "foreign-answer"  // iss in the answer is another's (RFC 9207)

	OtherSubject Fault = "other-subject" // customers have other subjects than before
	Weaker       Fault = "weaker"        // by password only
	Stale        Fault = "stale"         // the customer authenticated a day ago
	Replayed     Fault = "replayed"      // the last answer comes again in place of a new one
)

// Faults are all faults in the order of the menu.
func Faults() []Fault {
	return []Fault{
		None, Outage, Unreachable, Slow, Denied, Unavailable, ServerError, LoginRequired,
		WrongSignature, UnknownKey, RolledKeys, WrongIssuer, WrongAudience, Expired, WrongNonce, ForeignAnswer,
		OtherSubject, Weaker, Stale, Replayed,
	}
}

// Fault is how the bank misbehaves now.
func (b *Bank) Fault() Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}

// Misbehave chooses a fault; false when there is no such one. RolledKeys rolls the
// keys each time.
func (b *Bank) Misbehave(f Fault) (bool, error) {
	if !slices.Contains(Faults(), f) {
		return false, nil
	}
	var fresh *jose.Signer
	if f == RolledKeys {
		var err error
		if fresh, err = newSigner(); err != nil {
			return false, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = f
	if fresh != nil {
		b.keys = []*jose.Signer{fresh, b.keys[0]}
	}
	return true, nil
}

// inOrder lets a request through, late or not at all when the fault says so.
func (b *Bank) inOrder(w http.ResponseWriter, r *http.Request) bool {
	switch b.Fault() { //nolint:exhaustive // the others do not close the bank
	case Outage:
		w.Header().Set("Retry-After", "120")
		http.Error(w, "The bank is out of order.", http.StatusServiceUnavailable)
		return false
	case Unreachable:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close() // that is the point
			return false
		}
		http.Error(w, "The bank cannot be reached.", http.StatusBadGateway)
		return false
	case Slow:
		wait := time.NewTimer(b.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return false
		}
	}
	return true
}

// told is the error that a fault puts in place of a code; "" for none.
func (f Fault) told() string {
	switch f {
	case Denied, Unavailable, ServerError, LoginRequired:
		return string(f)
	default:
		return ""
	}
}

// spoil changes the claims of an ID token as the fault wants.
func (f Fault) spoil(claims map[string]any, now time.Time) {
	switch f { //nolint:exhaustive // the others leave the claims alone
	case WrongIssuer:
		claims["iss"] = "https://other-bank.example"
	case WrongAudience:
		claims["aud"] = "somebody-else"
	case Expired:
		claims["iat"], claims["exp"] = now.Add(-time.Hour).Unix(), now.Add(-time.Hour+tokenLife).Unix()
	case WrongNonce:
		claims["nonce"] = "of-another-request"
	case OtherSubject:
		claims["sub"] = claims["sub"].(string) + "-new" //nolint:forcetypeassert // from a grant
	case Weaker:
		claims["acr"], claims["amr"] = ACRPassword, []string{"pwd"}
	case Stale:
		claims["auth_time"] = now.Add(-24 * time.Hour).Unix()
	}
}

// sign makes the ID token, as well as the fault lets it.
func (b *Bank) sign(claims map[string]any) (string, error) {
	b.mu.Lock()
	signer, f := b.keys[0], b.fault
	b.mu.Unlock()
	if f == UnknownKey {
		signer = b.stray
	}
	token, err := signer.Sign("JWT", claims)
	if err != nil || f != WrongSignature {
		return token, err
	}
	return forged(token), nil
}

// forged is a token whose signature is another one.
func forged(token string) string {
	i := strings.LastIndexByte(token, '.') + 1
	first := "A"
	if token[i] == 'A' {
		first = "B"
	}
	return token[:i] + first + token[i+1:]
}

// faultView is one line of the menu.
type faultView struct {
	Fault
	Text   string
	Chosen bool
}

func (b *Bank) faultsPage(w http.ResponseWriter, r *http.Request) {
	p := b.page(r, "", "bank-faults", "demo.bank.faults.title")
	now := b.Fault()
	for _, f := range Faults() {
		p.Faults = append(p.Faults, faultView{f, p.T("demo.bank.fault." + string(f)), f == now})
	}
	p.Saved = r.URL.Query().Has("saved")
	b.show(w, r, http.StatusOK, p, "'self'")
}

func (b *Bank) chooseFault(w http.ResponseWriter, r *http.Request) {
	ok, err := b.Misbehave(Fault(r.PostFormValue("fault")))
	switch {
	case err != nil:
		b.broken(w, r, err)
	case !ok:
		b.problem(w, r, http.StatusUnprocessableEntity, "fault")
	default:
		http.Redirect(w, r, "/faults?saved", http.StatusSeeOther)
	}
}

func (b *Bank) faultsJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"fault": b.Fault(), "faults": Faults()})
}

// setFaultJSON takes a form (fault=slow) or JSON ({"fault":"slow"}).
func (b *Bank) setFaultJSON(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Fault Fault `json:"fault"`
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": "not JSON as it should be"})
			return
		}
	} else {
		want.Fault = Fault(r.PostFormValue("fault"))
	}
	ok, err := b.Misbehave(want.Fault)
	switch {
	case err != nil:
		b.broken(w, r, err)
	case !ok:
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"error": "there is no such fault", "faults": Faults()})
	default:
		b.faultsJSON(w, r)
	}
}
