// Package askedui holds the pages on which people answer what a service asks them to confirm
// while they are not in front of it (OpenID Connect Client-Initiated Backchannel
// Authentication Core 1.0, 8): the door that the link of the mail opens, the question, and
// what became of it.
//
// The door says nothing of the service: whoever has the link sees no more than that there is
// one. Behind it a journey begins as every other request's does: who is signed in, how well,
// and what is shared, is for package signin, the service's demand and its acr_values. Only
// the account that was asked sees the question, and only its answer counts. Nothing is
// allowed by opening a link.
package askedui

import (
	"embed"
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/elsewhere"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

//go:embed pages
var files embed.FS

// The addresses of the pages.
const (
	pathAll     = "/confirmations"
	pathDoor    = "/confirmations/"
	pathConfirm = "/confirmations/confirm/"
	pathCancel  = "/confirmations/cancel/"
	pathDone    = "/confirmations/done"
)

// Config is what New needs; every field must be set.
type Config struct {
	Site        *kit.Site
	DB          *db.DB
	Registry    *relyingparty.Registry
	Visitor     *visit.Visitor
	Flows       flow.Flows
	Asked       ciba.Requests
	Connections connection.Connections
	Grants      grant.Grants
	Limiter     *ratelimit.Limiter
	Audit       *audit.Log
	Table       policy.Table
}

// UI serves the pages. Made by New; safe for concurrent use.
type UI struct {
	Config

	pages   *kit.Pages
	journey *elsewhere.Journey
}

// New parses the pages.
func New(c Config) (*UI, error) {
	pages, err := c.Site.Pages(files, "pages")
	if err != nil {
		return nil, fmt.Errorf("askedui: %w", err)
	}
	return &UI{Config: c, pages: pages, journey: &elsewhere.Journey{
		Site: c.Site, DB: c.DB, Registry: c.Registry, Visitor: c.Visitor, Flows: c.Flows, Connections: c.Connections, Grants: c.Grants, Audit: c.Audit,
		Table: c.Table, GrantType: protocol.GrantCIBA, Lintel: "confirmation.lintel", Confirm: pathConfirm, Cancel: pathCancel, Ending: pathDone,
	}}, nil
}

// Routes registers every page.
func (u *UI) Routes(mux *http.ServeMux) {
	mux.Handle("GET "+pathAll, u.Site.Handle(u.all))
	mux.Handle("GET "+pathDoor+"{name}", u.Site.Handle(u.door))
	mux.Handle("POST "+pathDoor+"{name}", u.Site.Handle(u.enter))
	mux.Handle("GET "+pathConfirm+"{flow}", u.Site.Handle(u.confirm))
	mux.Handle("POST "+pathConfirm+"{flow}", u.Site.Handle(u.decide))
	mux.Handle("GET "+pathCancel+"{flow}", u.Site.Handle(u.cancel))
	mux.Handle("GET "+pathDone, u.Site.Handle(u.done))
}

// waitingRow is a request on the list.
type waitingRow struct {
	ciba.Request

	Service, Department string
}

// all lists what waits for who is signed in.
func (u *UI) all(w http.ResponseWriter, r *http.Request) error {
	var v visit.Visit
	var waiting []ciba.Request
	err := u.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		if v, err = u.Visitor.ReadIn(tx, r); err != nil || !v.SignedIn {
			return err
		}
		waiting, err = u.Asked.Waiting(tx, v.Account.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	if !v.SignedIn {
		return kit.See(w, r, "/signin") //nolint:wrapcheck // writes only
	}
	rows := make([]waitingRow, 0, len(waiting))
	for _, asked := range waiting {
		party, err := u.Registry.Find(r.Context(), asked.RelyingParty)
		if err != nil {
			return fmt.Errorf("askedui: %w", err)
		}
		if u.journey.Asks(party) {
			lang := kit.Lang(r)
			rows = append(rows, waitingRow{Request: asked, Service: party.Name.In(lang), Department: party.Department.In(lang)})
		}
	}
	return u.render(w, r, kit.View{Page: "confirmations", Title: u.Site.Tr(r).T("confirmations.title"), Data: rows})
}

func (u *UI) render(w http.ResponseWriter, r *http.Request, v kit.View) error {
	if err := u.pages.Render(w, r, http.StatusOK, v); err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	return nil
}

// doorPage is the data of pages/confirmation.html.
type doorPage struct {
	Name     string
	SignedIn bool
}

// door is where the link of the mail leads. Programs that open links of mails begin nothing.
func (u *UI) door(w http.ResponseWriter, r *http.Request) error {
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	return u.render(w, r, kit.View{Page: "confirmation", Title: u.Site.Tr(r).T("confirmation.title"), Data: doorPage{Name: r.PathValue("name"), SignedIn: v.SignedIn}})
}

// order is what a journey keeps.
type order struct {
	Name string `json:"confirmation"`
}

// Whole reports whether it names a request.
func (o *order) Whole() bool { return o.Name != "" }

// enter begins the journey to the question.
func (u *UI) enter(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "confirmation"); err != nil {
		return err //nolint:wrapcheck // a page of the kit
	}
	if err := u.Limiter.Allow(r.Context(), ratelimit.FlowIP, kit.ClientIP(r)); err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	asked, found, err := u.find(r, r.PathValue("name"))
	if err != nil {
		return err
	}
	var party *relyingparty.RelyingParty
	if found {
		if party, err = u.Registry.Find(r.Context(), asked.RelyingParty); err != nil {
			return fmt.Errorf("askedui: %w", err)
		}
	}
	if !u.journey.Asks(party) {
		return u.journey.Ended(w, r, "over")
	}
	return u.journey.Begin(w, r, party, &order{Name: asked.ID}, wanted(asked)) //nolint:wrapcheck // wrapped there
}

// wanted is what a service wants of who was asked.
func wanted(r ciba.Request) elsewhere.Wanted {
	return elsewhere.Wanted{Scopes: r.Scopes, ACR: r.ACR, For: r.Account, Resources: r.Resources, Claims: r.Claims}
}

func (u *UI) find(r *http.Request, name string) (asked ciba.Request, found bool, err error) {
	err = u.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		asked, found, err = u.Asked.Find(tx, name)
		return err
	})
	if err != nil {
		return asked, false, fmt.Errorf("askedui: %w", err)
	}
	return asked, found, nil
}

// donePage is the data of pages/confirmation-done.html.
type donePage struct {
	How     string
	Address string // of who is signed in, when another account was asked; "" when nobody is
}

// done says what became of it.
func (u *UI) done(w http.ResponseWriter, r *http.Request) error {
	how := r.URL.Query().Get("how")
	if how != "allowed" && how != "denied" && how != "other" && how != "waits" {
		how = "over"
	}
	data := donePage{How: how}
	if how == "other" { // they are told which account they use
		v, err := u.Visitor.Peek(r)
		if err != nil {
			return fmt.Errorf("askedui: %w", err)
		}
		if v.SignedIn {
			data.Address = v.Address
		}
	}
	return u.render(w, r, kit.View{Page: "confirmation-done", Title: u.Site.Tr(r).T("confirmation-done." + how), Data: data})
}
