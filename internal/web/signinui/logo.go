package signinui

import (
	"net/http"

	"parvis/internal/id"
	"parvis/internal/web/kit"
)

// logo serves a service's logo, so that pages need no other origin.
func (u *UI) logo(w http.ResponseWriter, r *http.Request) error {
	rp, err := u.Parties.Find(r.Context(), id.RelyingParty(r.PathValue("service")))
	if err != nil {
		return err
	}
	if rp == nil || len(rp.LogoPNG) == 0 {
		return kit.NotFound()
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(rp.LogoPNG) //nolint:gosec // sent as image/png, which browsers do not sniff here; the client may have gone
	return nil
}
