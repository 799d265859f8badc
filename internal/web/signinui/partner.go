package signinui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/signin"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// partnerRoutes registers the pages of sign-in partners.
func (u *UI) partnerRoutes(mux *http.ServeMux) {
	mux.Handle("POST /signin/{flow}/partner", u.take(signin.StepSignIn, "partner", u.partner, u.renderSignIn))
	mux.Handle("GET /signin/{flow}/partner-hand-off", u.show(signin.StepHandOff, u.renderHandOff))
	mux.Handle("POST /signin/{flow}/partner-hand-off/back", u.take(signin.StepHandOff, "partner-back", u.partnerBack, u.renderHandOff))
	mux.Handle("GET /signin/{flow}/partner-problem", u.show(signin.StepPartnerFailed, u.renderPartnerProblem))
	mux.Handle("POST /signin/{flow}/partner-problem/back", u.take(signin.StepPartnerFailed, "partner-back", u.partnerBack, u.renderPartnerProblem))
	mux.Handle("GET /signin/{flow}/partner-account", u.show(signin.StepPartnerNew, u.renderPartnerNew))
	mux.Handle("POST /signin/{flow}/partner-account/back", u.take(signin.StepPartnerNew, "partner-back", u.partnerBack, u.renderPartnerNew))
	mux.Handle("POST /signin/{flow}/confirm-email/again", u.take(signin.StepConfirmEmail, "partner-back", u.partnerBack, u.renderConfirm))
	mux.Handle("GET /signin/{flow}/partner-create", u.show(signin.StepPartnerCreate, u.renderPartnerCreate))
	mux.Handle("POST /signin/{flow}/partner-create", u.take(signin.StepPartnerCreate, "partner-create", u.partnerCreate, u.renderPartnerCreate))
	mux.Handle("POST /signin/{flow}/partner-create/back", u.take(signin.StepPartnerCreate, "partner-back", u.partnerBack, u.renderPartnerCreate))
	mux.Handle("GET /signin/{flow}/partner-link", u.show(signin.StepPartnerLink, u.renderPartnerLink))
	mux.Handle("POST /signin/{flow}/partner-link", u.take(signin.StepPartnerLink, "partner-link", u.partnerLink, u.renderPartnerLink))

	u.addRoutes(mux)

	mux.Handle("GET "+callbackPattern, u.Site.Handle(u.partnerReturn))
	mux.Handle("POST "+callbackPattern, u.Site.Handle(u.partnerPosted))
	mux.Handle("POST "+departurePattern, u.Site.Handle(u.partnerDeparture))
	mux.Handle("GET "+leavePattern, u.Site.Handle(u.partnerLeave))
	mux.Handle("GET "+logoutPattern, u.Site.Handle(u.partnerLogout))
	mux.Handle("POST "+logoutPattern, u.Site.Handle(u.partnerLogoutPosted))
	mux.Handle("GET /partner/{partner}/metadata", u.Site.Handle(u.partnerMetadata))
	mux.Handle("GET /partner/{partner}/logo", u.Site.Handle(u.partnerLogo))
}

// partnerDoor is a sign-in partner as another door of a page.
type partnerDoor struct {
	ID     upstream.ID
	Title  string // of its button
	Brand  string // who it is, second and smaller (R38)
	Name   string
	Logo   string // address; "" for none
	Banner string // something to know now
	Down   bool   // it is known to be out of reach
	Lang   i18n.Lang
	Last   bool // somebody came in here by it last time
}

// doorOf is how a provider is shown in a language.
func (u *UI) doorOf(tr *i18n.Tr, p *upstream.Provider) partnerDoor {
	lang := tr.Lang()
	out := partnerDoor{
		ID: p.ID, Name: p.Name.In(lang), Title: p.Button.In(lang), Brand: p.Brand.In(lang), Banner: p.Banner.In(lang),
		Logo: partnerLogoPath(p), Down: u.Upstreams.Health(p.ID).Down, Lang: foreign(p.Name, lang),
	}
	if out.Title == "" {
		out.Title = tr.T("partner.button")
	}
	if out.Brand == "" {
		out.Brand = out.Name
	}
	return out
}

// partners are the doors of the sign-in page, in their order. Who comes from a partner
// that is not linked yet is there to sign in to an account, and is not offered others.
func (u *UI) partners(c *call) ([]partnerDoor, error) {
	if c.view.Step == signin.StepPartnerNew {
		return nil, nil
	}
	all, err := u.Signin.Partners(c.r.Context())
	if err != nil {
		return nil, err
	}
	var out []partnerDoor
	for _, p := range all {
		if c.view.Doors.Opens(string(p.ID)) {
			out = append(out, u.doorOf(c.tr, p))
		}
	}
	return out, nil
}

// partnerNamed is the partner of a journey; nil when it is configured no longer.
func (u *UI) partnerNamed(ctx context.Context, partner upstream.ID) (*upstream.Provider, error) {
	p, err := u.Upstreams.Get(ctx, partner)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // a partner that is gone is an ordinary answer
	}
	return p, err
}

// coming names the partner at which somebody has signed in who is to be linked here;
// "" for nobody.
func (u *UI) coming(c *call) (string, error) {
	if c.view.Step != signin.StepPartnerNew {
		return "", nil
	}
	p, err := u.partnerNamed(c.r.Context(), c.view.Partner)
	if err != nil {
		return "", err
	}
	return partnerName(c.tr, p), nil
}

// partnerName is what a partner is called on pages.
func partnerName(tr *i18n.Tr, p *upstream.Provider) string {
	if p == nil {
		return tr.T("partner.gone")
	}
	return p.Name.In(tr.Lang())
}

// partner takes the button of a partner.
func (u *UI) partner(c *call, form *kit.Form) error {
	err := u.Signin.Partner(c.r.Context(), c.visitor, c.view.Flow, upstream.ID(form.Get("provider")))
	if err != nil {
		return told(form, err) // it may have been taken away since the page was shown
	}
	return c.dispatch()
}

// partnerBack leaves a partner: back to the ways of signing in, or on to a password for a
// new account.
func (u *UI) partnerBack(c *call, _ *kit.Form) error {
	if err := u.Signin.PartnerBack(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	if c.view.Creating {
		return c.dispatch()
	}
	return c.back(string(signin.StepSignIn))
}

// partnerPage is the data of the pages about one partner.
type partnerPage struct {
	journey
	partnerDoor

	Form    string     // name of the form for its token
	URL     string     // where the partner is
	Fields  url.Values // what is posted there; nil: the address is a link
	Address string     // of the account
	Blocked bool       // by the owner of the account: it cannot be linked
	Closed  bool       // the account that the partner opened has just been closed
	Adding  bool       // it is added to the account that is signed in: the settings are the way back
	Linking bool       // it is asked once more, to be linked to the account
	TooOld  bool       // it is asked once more, to create the account
	Leave   string     // words of the button that leaves it
}

// aboutPartner makes the data of a page about the journey's partner.
func (u *UI) aboutPartner(c *call) (partnerPage, error) {
	out := partnerPage{
		journey: c.journey, URL: c.view.PartnerURL, Fields: c.view.PartnerForm, Address: c.view.Address, Adding: c.view.Kind == flow.Adding,
		TooOld: c.view.TooOld, Leave: c.tr.T("partner.another-way"),
	}
	if c.view.Creating {
		out.Leave = c.tr.T("partner-create.password")
	}
	if c.view.Linking && c.view.Person != nil {
		out.Linking, out.Address, out.Leave = true, c.view.Person.Address, c.tr.T("partner-link.no")
	}
	p, err := u.partnerNamed(c.r.Context(), c.view.Partner)
	if err != nil {
		return out, err
	}
	if p != nil {
		out.partnerDoor = u.doorOf(c.tr, p)
	}
	out.Name = partnerName(c.tr, p)
	return out, nil
}

// renderPartner shows a page about a partner, which is named in its title.
func (u *UI) renderPartner(c *call, status int, page string, form *kit.Form, data partnerPage) error {
	return u.render(c, status, kit.View{Page: page, Title: c.tr.T(page+".title", "partner", data.Name), Form: form, Data: data})
}

// renderHandOff shows the page partner-hand-off: what the partner will and will not
// learn, before anybody leaves this site (R40 to R42). A request that is a form is sent
// by its button; this page alone names the partner's origin for that.
func (u *UI) renderHandOff(c *call, form *kit.Form, status int) error {
	data, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	title := "partner-hand-off.title"
	if data.Linking {
		title = "partner-hand-off.link-title"
	}
	view := kit.View{Page: "partner-hand-off", Title: c.tr.T(title, "partner", data.Name), Form: form, Data: data}
	if data.Fields != nil {
		view.FormOrigins = []string{data.URL}
	}
	return u.render(c, status, view)
}

// renderPartnerNew shows the page partner-account: nobody is linked by an address alone.
func (u *UI) renderPartnerNew(c *call, form *kit.Form, status int) error {
	data, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	data.Closed = c.view.Notice == flow.NoticeClosed
	return u.renderPartner(c, status, "partner-account", form, data)
}

// renderPartnerCreate shows the page partner-create: the last step of an account
// without a password.
func (u *UI) renderPartnerCreate(c *call, form *kit.Form, status int) error {
	data, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	return u.renderPartner(c, status, "partner-create", form, data)
}

// partnerCreate creates the account.
func (u *UI) partnerCreate(c *call, form *kit.Form) error {
	result, err := u.Enrollment.Partner(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return told(form, err)
	}
	u.Visitor.Set(c.w, c.r, result.Cookies)
	if result.Cookies.Session != "" {
		u.sendFirst(c, result.Flow, result.Cookies)
	}
	return c.to(result.Flow)
}

// renderPartnerLink shows the page partner-link, to who has proven the account.
func (u *UI) renderPartnerLink(c *call, form *kit.Form, status int) error {
	data, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	if c.view.Person == nil {
		return c.dispatch()
	}
	data.Form, data.Address = c.formOf("partner-link"), c.view.Person.Address
	choices, err := u.Partnering.Choices(c.r.Context(), c.visitor)
	if err != nil {
		return err
	}
	for _, choice := range choices {
		data.Blocked = data.Blocked || choice.Blocked && choice.Key() == string(data.ID)
	}
	if data.Blocked {
		return u.render(c, status, kit.View{Page: "partner-link", Title: c.tr.T("partner-link.blocked.title", "partner", data.Name), Data: data})
	}
	return u.renderPartner(c, status, "partner-link", form, data)
}

// partnerLink takes the answer: yes or no; anything else is no answer and asks again.
func (u *UI) partnerLink(c *call, form *kit.Form) error {
	choice := form.Get("choice")
	if choice != "yes" && choice != "no" {
		return c.dispatch()
	}
	if err := u.Signin.PartnerLink(c.r.Context(), c.visitor, c.view.Flow, choice == "yes"); err != nil {
		return told(form, err)
	}
	return c.dispatch()
}

// told notes on the page why a partner cannot be used, or cannot be linked to this
// account; every other error is returned.
func told(form *kit.Form, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || !strings.HasPrefix(e.Key, "error.upstream.") {
		return err
	}
	form.Fail("", e.Key, e.Args...)
	return nil
}
