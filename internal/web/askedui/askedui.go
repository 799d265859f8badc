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
	"encoding/json"
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
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

	pages *kit.Pages
}

// New parses the pages.
func New(c Config) (*UI, error) {
	pages, err := c.Site.Pages(files, "pages")
	if err != nil {
		return nil, fmt.Errorf("askedui: %w", err)
	}
	return &UI{Config: c, pages: pages}, nil
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
		if asks(party) {
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

// asks reports whether a service may ask people.
func asks(party *relyingparty.RelyingParty) bool {
	return party != nil && !party.Disabled && party.Grants(protocol.GrantCIBA)
}

// door is where the link of the mail leads. Programs that open links of mails begin nothing.
func (u *UI) door(w http.ResponseWriter, r *http.Request) error {
	return u.render(w, r, kit.View{Page: "confirmation", Title: u.Site.Tr(r).T("confirmation.title"), Data: r.PathValue("name")})
}

// order is what a journey keeps.
type order struct {
	Name string `json:"confirmation"`
}

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
	if !asks(party) {
		return ended(w, r, "over")
	}
	return u.begin(w, r, party, asked)
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

func ended(w http.ResponseWriter, r *http.Request, how string) error {
	return kit.See(w, r, pathDone+"?how="+how) //nolint:wrapcheck // writes only
}

// requestOf is what the person is asked about.
func requestOf(a ciba.Request) *protocol.Request {
	return &protocol.Request{ClientID: string(a.RelyingParty), Scopes: a.Scopes}
}

func (u *UI) begin(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, asked ciba.Request) error {
	text, err := json.Marshal(order{Name: asked.ID})
	if err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	d := policy.Demand{ACR: asked.ACR, Floor: party.ACR, Doors: party.Doors}
	if party.MaxAge > 0 {
		d.MaxAge = &party.MaxAge
	}
	n := flow.Prepare(party.ID, flow.State{Kind: flow.SignIn, Demand: d, Request: text, Attributes: requestOf(asked).Attributes()})
	n.State.Finish, n.State.CancelPath = pathConfirm+string(n.ID), pathCancel+string(n.ID)
	n.IP, n.Browser = kit.ClientIP(r), secret.Digest(kit.EnsureBrowser(w, r))
	err = u.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		_, err := u.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	return kit.See(w, r, "/signin/"+string(n.ID)) //nolint:wrapcheck // writes only
}

func foreign(text i18n.Text, page i18n.Lang) i18n.Lang {
	if l := text.Lang(page); l != page {
		return l
	}
	return ""
}

// load is the request of a journey of this browser, and its service. Fault Expired for a
// journey that is over.
func (u *UI) load(r *http.Request) (order, *relyingparty.RelyingParty, error) {
	if r.Method == http.MethodHead {
		return order{}, nil, fault.New(fault.Invalid, "oidc.head")
	}
	var f flow.Flow
	err := u.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		f, err = u.Flows.Load(tx, id.Flow(r.PathValue("flow")), u.Visitor.Of(r).Browser)
		return err
	})
	if err != nil {
		return order{}, nil, err //nolint:wrapcheck // a fault that the caller and the kit know
	}
	var o order
	if f.State.Kind != flow.SignIn || json.Unmarshal(f.State.Request, &o) != nil || o.Name == "" {
		return order{}, nil, kit.NotFound()
	}
	party, err := u.Registry.Get(r.Context(), f.RelyingParty)
	if err != nil {
		return order{}, nil, fmt.Errorf("askedui: %w", err)
	}
	if !asks(party) {
		return order{}, nil, fault.New(fault.Denied, "oidc.redirect-gone")
	}
	scene, lang := kit.SceneOf(r), kit.Lang(r)
	scene.Reference = f.Reference
	scene.Lintel = &kit.Lintel{
		Line: u.Site.Tr(r).T("confirmation.lintel"), Name: party.Name.In(lang), Department: party.Department.In(lang), Party: string(party.ID), Lang: foreign(party.Name, lang),
	}
	return o, party, nil
}

// over leads who comes to a journey that is over to the page that says so.
func over(w http.ResponseWriter, r *http.Request, err error) error {
	if fault.Is(err, fault.Expired) {
		return ended(w, r, "over")
	}
	return err
}

// done says what became of it.
func (u *UI) done(w http.ResponseWriter, r *http.Request) error {
	how := r.URL.Query().Get("how")
	if how != "allowed" && how != "denied" && how != "other" && how != "waits" {
		how = "over"
	}
	return u.render(w, r, kit.View{Page: "confirmation-done", Title: u.Site.Tr(r).T("confirmation-done." + how), Data: how})
}
