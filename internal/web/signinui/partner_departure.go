package signinui

import (
	"encoding/json"
	"net/http"

	"parvis/internal/fault"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// departurePattern is upstream.DeparturePath of every partner.
const departurePattern = "/partner/{partner}/backchannel-logout"

// departureCap is the longest notice of a partner, in bytes.
const departureCap = 20 << 10

// partnerDeparture takes a notice that a partner's machine sends: somebody has signed
// out there (OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8). It reads and sets no
// cookie; what it answers says nothing of who is known here.
func (u *UI) partnerDeparture(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if r.ContentLength > departureCap {
		return refuseDeparture(w)
	}
	r.Body = http.MaxBytesReader(w, r.Body, departureCap)
	form, err := kit.ReadForm(w, r)
	if err != nil || form.Get("logout_token") == "" {
		return refuseDeparture(w)
	}
	err = u.Departure.Take(r.Context(), u.Visitor.Of(r), upstream.ID(r.PathValue("partner")), form.Get("logout_token"))
	switch failure := upstream.FailureOf(err); {
	case err == nil:
		w.WriteHeader(http.StatusOK)
		return nil
	case failure == upstream.Outage || failure == upstream.Slow: // its keys cannot be had: it may try again
		return fault.Wrap(fault.Unavailable, "error.error-503.what-soon", err)
	case failure != "":
		u.note(r, "a notice of a sign-in partner does not count", "upstream", r.PathValue("partner"), "failure", string(failure), "reason", err.Error())
		return refuseDeparture(w)
	default:
		return err
	}
}

// refuseDeparture is the answer to a notice that does not count (2.8).
func refuseDeparture(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request"}) // the partner may have gone
	return nil
}
