package portal

import (
	"fmt"
	"net/http"
	"time"

	"parvis/internal/assist"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/lifecycle"
	"parvis/internal/ratelimit"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// assistPage is the data of pages/assist.html.
type assistPage struct {
	*Content

	Action string // address of the form
	Close  bool   // the account is to be closed; else a sign-in partner is to be removed
	Choose []kit.Choice
	Ends   time.Time // until when the request waits
	State  string    // "open" to confirm, "none" when there is nothing to remove, "confirmed", else "over"
	Within time.Duration
}

// assistance shows what was asked for to who reads the account's mail, and asks for the
// confirmation. Opening changes nothing: mail programs follow links.
func (p *Portal) assistance(rendered *kit.Pages) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		kit.EnsureBrowser(w, r)
		return p.showAssistance(w, r, rendered, nil, http.StatusOK)
	}
}

func (p *Portal) showAssistance(w http.ResponseWriter, r *http.Request, rendered *kit.Pages, form *kit.Form, status int) error {
	if err := p.Limiter.Allow(r.Context(), ratelimit.LinkIP, kit.ClientIP(r)); err != nil {
		return err
	}
	content, err := p.content(r)
	if err != nil {
		return err
	}
	token := r.PathValue("token")
	var a lifecycle.Assistance
	err = p.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		a, _, err = p.Lifecycle.Assistance(tx, func(tx *db.Tx) (assist.Request, bool, error) { return p.Lifecycle.Requests.ByToken(tx, token) })
		return err
	})
	if err != nil {
		return fmt.Errorf("portal: assistance: %w", err)
	}
	data := &assistPage{
		Content: content, Action: "/assist/" + token, Close: a.Kind == assist.Close, Ends: a.ExpiresAt, State: stateOf(a),
		Within: p.Lifecycle.Requests.Settings.ExpireAfter,
	}
	if data.Choose, err = p.linked(r, a.Links); err != nil {
		return err
	}
	if data.State == "over" {
		status = http.StatusNotFound
	}
	return rendered.Render(w, r, status, kit.View{Page: "assist", Title: p.Site.Tr(r).T("assist.title-" + data.State), Form: form, Data: data})
}

// stateOf is what the page of a request says.
func stateOf(a lifecycle.Assistance) string {
	switch {
	case a.Status == assist.Confirmed, a.Status == assist.Approved:
		return "confirmed"
	case a.Status != assist.Asked:
		return "over"
	case a.Kind == assist.Unlink && len(a.Links) == 0:
		return "none"
	}
	return "open"
}

// linked names the sign-in partners of an account.
func (p *Portal) linked(r *http.Request, links []upstream.Link) ([]kit.Choice, error) {
	tr := p.Site.Tr(r)
	var out []kit.Choice
	for _, l := range links {
		name := tr.T("partner.gone")
		known, err := p.Partners.ByIssuer(r.Context(), l.Issuer)
		if err != nil {
			return nil, fmt.Errorf("portal: assistance: %w", err)
		}
		if known != nil {
			name = known.Name.In(tr.Lang())
		}
		out = append(out, kit.Choice{
			Value: string(l.ID), Text: name, Hint: tr.T("assist.linked", "when", p.Site.Times(r).Date(l.Since)),
		})
	}
	return out, nil
}

// confirmAssistance takes the confirmation.
func (p *Portal) confirmAssistance(rendered *kit.Pages) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := p.Site.Form(w, r, "assist")
		if err != nil {
			return err
		}
		v := flow.Visitor{IP: kit.ClientIP(r), UserAgent: r.UserAgent(), Locale: string(kit.Lang(r))}
		err = p.Lifecycle.ConfirmAssistance(r.Context(), v, r.PathValue("token"), upstream.LinkID(form.Get("link")))
		switch {
		case form.FailWith(err):
			return p.showAssistance(w, r, rendered, form, http.StatusUnprocessableEntity)
		case err != nil && !fault.Is(err, fault.NotFound):
			return err
		}
		return kit.See(w, r, "/assist/"+r.PathValue("token")) // its page says how the request stands
	}
}
