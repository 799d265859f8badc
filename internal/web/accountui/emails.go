package accountui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/profile"
	"parvis/internal/proving"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

const (
	emailsPath   = settingsPath + "/emails"
	addEmailPath = emailsPath + "/add"
)

func (u *UI) emailRoutes(mux *http.ServeMux) {
	for pattern, h := range map[string]func(*call) error{
		"GET " + emailsPath:                        u.emails,
		"GET " + addEmailPath:                      u.askAddEmail,
		"POST " + addEmailPath:                     u.addEmail,
		"GET " + emailsPath + "/{proof}/confirm":   u.askConfirmEmail,
		"POST " + emailsPath + "/{proof}/confirm":  u.confirmEmail,
		"POST " + emailsPath + "/{proof}/resend":   u.resendEmail,
		"POST " + emailsPath + "/{proof}/withdraw": u.withdrawEmail,
		"GET " + emailsPath + "/{address}/main":    u.askMainEmail,
		"POST " + emailsPath + "/{address}/main":   u.mainEmail,
		"GET " + emailsPath + "/{address}/remove":  u.askRemoveEmail,
		"POST " + emailsPath + "/{address}/remove": u.removeEmail,
		"GET " + settingsPath + "/email/{token}":   u.askEmailLink,
		"POST " + settingsPath + "/email/{token}":  u.emailLink,
	} {
		mux.Handle(pattern, u.Site.Handle(u.signedIn(h)))
	}
	mux.Handle("GET /address/{token}", u.Site.Handle(u.askUndoEmail))
	mux.Handle("POST /address/{token}", u.Site.Handle(u.undoEmail))
}

// emailsPage is the data of pages/emails.html.
type emailsPage struct {
	Done    string
	App     bool // what an authenticator app shows is to be told: the main address changed just now
	Rows    []emailRow
	Waiting []waitingRow
	Room    bool
	Most    int
}

// emailRow is one address.
type emailRow struct {
	Address string
	Main    bool
	Added   time.Time
	MakeIt  string // address of the page that makes it the main one
	Remove  string // address of the page that removes it
}

// waitingRow is one address that is to be confirmed.
type waitingRow struct {
	Address string
	Until   time.Time
	Confirm string // address of the page
}

func emailPath(row string, page string) string {
	return emailsPath + "/" + url.PathEscape(row) + "/" + page
}

// emails shows the addresses of the account.
func (u *UI) emails(c *call) error {
	view, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, emailsPath)
	}
	tr := u.Site.Tr(c.r)
	data := emailsPage{Room: view.Room, Most: view.Most}
	for _, e := range view.Emails {
		data.Rows = append(data.Rows, emailRow{
			Address: e.Address.Written, Main: e.Main, Added: e.AddedAt, MakeIt: emailPath(string(e.ID), "main"), Remove: emailPath(string(e.ID), "remove"),
		})
	}
	for _, p := range view.Waiting {
		data.Waiting = append(data.Waiting, waitingRow{Address: p.Address.Written, Until: p.ExpiresAt, Confirm: emailPath(string(p.ID), "confirm")})
	}
	switch what := c.r.URL.Query().Get("done"); what {
	case "added", "removed", "main", "withdrawn":
		data.Done = tr.T("emails.done-" + what)
		data.App = what == "main" && view.App
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "emails", Title: tr.T("emails.title"), Data: data})
}

// fresh reports whether the account can be changed now; else it has answered.
func (u *UI) fresh(c *call, next string) (bool, error) {
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return false, u.refused(c, err, next)
	}
	if !fresh {
		return false, u.prove(c, next)
	}
	return true, nil
}

// addEmailPage is the data of pages/add-email.html.
type addEmailPage struct{ Valid time.Duration }

// askAddEmail shows the form of a new address. Who has to prove anew who they are does so
// before, and comes back here.
func (u *UI) askAddEmail(c *call) error {
	ok, err := u.fresh(c, addEmailPath)
	if err != nil || !ok {
		return err
	}
	view, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, addEmailPath)
	}
	if !view.Room {
		return kit.See(c.w, c.r, emailsPath) // which says so
	}
	return u.renderAddEmail(c, http.StatusOK, nil)
}

func (u *UI) renderAddEmail(c *call, status int, form *kit.Form) error {
	return u.renderSettings(c, status, kit.View{
		Page: "add-email", Title: u.Site.Tr(c.r).T("add-email.title"), Form: form, Keeps: "add-email",
		Data: addEmailPage{Valid: u.Profile.Proofs.Settings.AddressProofLifetime},
	})
}

// addEmail mails to a new address. What follows is the same whoever has it.
func (u *UI) addEmail(c *call) error {
	form, err := u.form(c, "add-email", addEmailPath)
	if err != nil {
		return err
	}
	if u.Site.Switched(c.w, c.r, form) {
		return u.renderAddEmail(c, http.StatusOK, form)
	}
	proof, err := u.Profile.AddAddress(c.r.Context(), c.visit.Visitor, strings.TrimSpace(form.Get("email")))
	switch {
	case err == nil:
		return kit.See(c.w, c.r, emailPath(string(proof), "confirm"))
	case form.FailThrottled(c.w, err):
		return u.renderAddEmail(c, http.StatusTooManyRequests, form)
	case !fault.Is(err, fault.Denied) && form.FailWith(err):
		return u.renderAddEmail(c, http.StatusUnprocessableEntity, form)
	default:
		return u.refused(c, err, addEmailPath)
	}
}

// confirmEmailPage is the data of pages/confirm-new-email.html.
type confirmEmailPage struct {
	Address  string
	Valid    time.Duration
	Action   string
	Resend   string
	Withdraw string
	Resent   bool
}

// askConfirmEmail shows where the code of an address is typed.
func (u *UI) askConfirmEmail(c *call) error { return u.renderConfirmEmail(c, http.StatusOK, nil) }

func (u *UI) renderConfirmEmail(c *call, status int, form *kit.Form) error {
	proof := c.r.PathValue("proof")
	p, err := u.Profile.Waiting(c.r.Context(), c.visit.Visitor, id.Proof(proof))
	if fault.Is(err, fault.NotFound) {
		return kit.See(c.w, c.r, emailsPath)
	}
	if err != nil {
		return u.refused(c, err, emailsPath)
	}
	return u.renderSettings(c, status, kit.View{
		Page: "confirm-new-email", Title: u.Site.Tr(c.r).T("confirm-new-email.title"), Form: form,
		Data: confirmEmailPage{
			Address: p.Address.Written, Valid: p.Lasts(), Action: emailPath(proof, "confirm"), Resend: emailPath(proof, "resend"),
			Withdraw: emailPath(proof, "withdraw"), Resent: form == nil && c.r.URL.Query().Has("sent"),
		},
	})
}

// confirmEmail takes the code.
func (u *UI) confirmEmail(c *call) error {
	form, err := u.form(c, "confirm-new-email", emailsPath)
	if err != nil {
		return err
	}
	code := secret.CleanCode(strings.TrimSpace(form.Get("code")))
	if code == "" {
		form.Fail("code", "confirm-email.error.code")
		return u.renderConfirmEmail(c, http.StatusUnprocessableEntity, form)
	}
	result, err := u.Profile.ConfirmCode(c.r.Context(), c.visit.Visitor, id.Proof(c.r.PathValue("proof")), code)
	switch {
	case form.FailThrottled(c.w, err):
		return u.renderConfirmEmail(c, http.StatusTooManyRequests, form)
	case fault.Is(err, fault.NotFound):
		return kit.See(c.w, c.r, emailsPath)
	case err != nil:
		return u.refused(c, err, emailsPath)
	}
	switch result.Outcome {
	case proving.WrongCode:
		form.Fail("code", "confirm-email.error.wrong", "count", result.Left)
	case proving.CodeEnded:
		form.Fail("code", "confirm-email.error.ended")
	default:
		return u.confirmed(c, result.Outcome)
	}
	return u.renderConfirmEmail(c, http.StatusUnprocessableEntity, form)
}

// confirmed leads on from a proof that was given.
func (u *UI) confirmed(c *call, outcome proving.Outcome) error {
	if outcome == profile.Added {
		return kit.See(c.w, c.r, emailsPath+"?done=added")
	}
	return u.renderEmailLink(c, http.StatusConflict, string(outcome), account.Addr{})
}

// resendEmail mails to an address again.
func (u *UI) resendEmail(c *call) error {
	if _, err := u.form(c, "resend-email", emailsPath); err != nil {
		return err
	}
	proof := c.r.PathValue("proof")
	next, err := u.Profile.Resend(c.r.Context(), c.visit.Visitor, id.Proof(proof))
	switch {
	case err == nil:
		return kit.See(c.w, c.r, emailPath(string(next), "confirm")+"?sent=1")
	case fault.Is(err, fault.Denied):
		return u.refused(c, err, emailPath(proof, "confirm"))
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid):
		return kit.See(c.w, c.r, emailsPath) // it was confirmed or withdrawn meanwhile
	default:
		return err
	}
}

// withdrawEmail gives an address up that waits.
func (u *UI) withdrawEmail(c *call) error {
	if _, err := u.form(c, "withdraw-email", emailsPath); err != nil {
		return err
	}
	if err := u.Profile.Withdraw(c.r.Context(), c.visit.Visitor, id.Proof(c.r.PathValue("proof"))); err != nil {
		return u.refused(c, err, emailsPath)
	}
	return kit.See(c.w, c.r, emailsPath+"?done=withdrawn")
}

// emailLinkPage is the data of pages/email-link.html.
type emailLinkPage struct {
	Status  string
	Address string
	Action  string
}

// askEmailLink shows the button that confirms an address: opening a link uses nothing.
func (u *UI) askEmailLink(c *call) error {
	link, err := u.Profile.OpenLink(c.r.Context(), c.visit.Visitor, c.r.PathValue("token"))
	if err != nil {
		return u.refused(c, err, emailsPath)
	}
	switch {
	case link.Status == account.ProofUnknown:
		return u.renderEmailLink(c, http.StatusNotFound, "ended", account.Addr{})
	case !link.Own:
		return u.renderEmailLink(c, http.StatusForbidden, "other", account.Addr{})
	case link.Status != account.ProofLive:
		return u.renderEmailLink(c, http.StatusGone, "ended", account.Addr{})
	}
	return u.renderEmailLink(c, http.StatusOK, "live", link.Address)
}

func (u *UI) renderEmailLink(c *call, status int, what string, addr account.Addr) error {
	return u.renderSettings(c, status, kit.View{
		Page: "email-link", Title: u.Site.Tr(c.r).T("email-link.title-" + what),
		Data: emailLinkPage{Status: what, Address: addr.Written, Action: c.r.URL.EscapedPath()},
	})
}

// emailLink confirms an address with its link.
func (u *UI) emailLink(c *call) error {
	if _, err := u.form(c, "email-link", emailsPath); err != nil {
		return err
	}
	outcome, err := u.Profile.ConfirmLink(c.r.Context(), c.visit.Visitor, c.r.PathValue("token"))
	if err != nil {
		return u.refused(c, err, emailsPath)
	}
	if outcome == proving.LinkEnded {
		return u.renderEmailLink(c, http.StatusGone, "ended", account.Addr{})
	}
	return u.confirmed(c, outcome)
}
