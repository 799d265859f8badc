package signinui

import (
	"cmp"
	"net/http"

	"parvis/internal/proving"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// confirmLink takes the button of a mailed link: only this uses the link up.
func (u *UI) confirmLink(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "confirm-link"); err != nil {
		return err
	}
	visitor, token := u.Visitor.Of(r), r.PathValue("token")
	link, err := u.Signin.OpenLink(r.Context(), visitor, token)
	if err != nil {
		return err
	}
	confirm := u.Recovery.ConfirmLink
	if link.Purpose == signin.LinkActivate {
		confirm = u.Enrollment.ConfirmLink
	}
	result, err := confirm(r.Context(), visitor, token)
	if err != nil {
		return err
	}
	if result.Outcome == proving.LinkEnded {
		return kit.See(w, r, linkPath(r, ""))
	}
	return kit.See(w, r, path(result.Flow, ""))
}

// resendLink asks for another activation message in place of an expired link.
// The answer is the same whatever became of the account.
func (u *UI) resendLink(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "resend"); err != nil {
		return err
	}
	visitor, token := u.Visitor.Of(r), r.PathValue("token")
	if err := u.Enrollment.ResendLink(r.Context(), visitor, token); err != nil {
		return err
	}
	return kit.See(w, r, linkPath(r, "sent"))
}

// linkSent shows that another activation message is on its way.
func (u *UI) linkSent(w http.ResponseWriter, r *http.Request) error {
	link, err := u.Signin.OpenLink(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	rp, err := u.Parties.Find(r.Context(), link.RelyingParty)
	if err != nil {
		return err
	}
	u.dress(r, rp, "signin.lintel.creating")
	return u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "link-sent", Title: u.Site.Tr(r).T("link.sent.title"), Data: cmp.Or(link.Lasts, u.Numbers.Activation),
	})
}
