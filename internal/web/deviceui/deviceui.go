// Package deviceui holds the pages on which people allow a device that has no browser to
// open a service for them (RFC 8628, 3.3): where they type the code of the device, where
// they confirm that they mean it, and what became of it.
//
// A code opens a journey as every other request does: who is signed in, how well, and what is
// shared, is for package signin and the service's demand. Only then is the person asked, on a
// page that shows the service and the code again and says what the danger is: somebody else
// may have sent them the link (RFC 8628, 5.4). Nothing is allowed by opening a link.
package deviceui

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/device"
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
	"parvis/internal/signin"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

//go:embed pages
var files embed.FS

// The addresses of the pages behind the first one.
const (
	pathConfirm = "/device/confirm/"
	pathCancel  = "/device/cancel/"
	pathDone    = "/device/done"
)

// Config is what New needs; every field must be set.
type Config struct {
	Site        *kit.Site
	DB          *db.DB
	Registry    *relyingparty.Registry
	Visitor     *visit.Visitor
	Flows       flow.Flows
	Devices     device.Requests
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
		return nil, fmt.Errorf("deviceui: %w", err)
	}
	return &UI{Config: c, pages: pages}, nil
}

// Routes registers every page.
func (u *UI) Routes(mux *http.ServeMux) {
	mux.Handle("GET "+protocol.PathDevice, u.Site.Handle(u.ask))
	mux.Handle("POST "+protocol.PathDevice, u.Site.Handle(u.open))
	mux.Handle("GET "+pathConfirm+"{flow}", u.Site.Handle(u.confirm))
	mux.Handle("POST "+pathConfirm+"{flow}", u.Site.Handle(u.decide))
	mux.Handle("GET "+pathCancel+"{flow}", u.Site.Handle(u.cancel))
	mux.Handle("GET "+pathDone, u.Site.Handle(u.done))
}

// order is what a journey of a device keeps.
type order struct {
	Digest string      `json:"digest"` // of the device's code, in hex
	Code   device.Code `json:"code"`
	Scopes []string    `json:"scopes"`
}

func (o order) digest() []byte {
	out, _ := hex.DecodeString(o.Digest) // ours
	return out
}

// request is what the person is asked about.
func (o order) request(party *relyingparty.RelyingParty) *protocol.Request {
	return &protocol.Request{ClientID: string(party.ID), Scopes: o.Scopes}
}

// ask shows where the code of the device is typed. A link may bring it; it is shown, and
// nothing happens before the button (RFC 8628, 3.3.1).
func (u *UI) ask(w http.ResponseWriter, r *http.Request) error {
	form := kit.NewForm()
	if code, ok := device.Clean(r.URL.Query().Get("user_code")); ok {
		form = kit.NewForm("user_code", code.String())
	}
	return u.askAgain(w, r, form, http.StatusOK)
}

func (u *UI) askAgain(w http.ResponseWriter, r *http.Request, form *kit.Form, status int) error {
	err := u.pages.Render(w, r, status, kit.View{Page: "device", Title: u.Site.Tr(r).T("device.title"), Form: form})
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	return nil
}

// open takes the code and begins the journey. What is typed counts, right or wrong, by the
// network and by the browser, so that nobody finds a code of others by trying (5.1).
func (u *UI) open(w http.ResponseWriter, r *http.Request) error {
	form, err := u.Site.Form(w, r, "device")
	if err != nil {
		return err //nolint:wrapcheck // a page of the kit
	}
	v := u.Visitor.Of(r)
	for rule, key := range map[ratelimit.Rule]string{ratelimit.DeviceIP: kit.ClientIP(r), ratelimit.DeviceBrowser: hex.EncodeToString(v.Browser)} {
		if err := u.Limiter.Allow(r.Context(), rule, key); err != nil {
			if form.FailThrottled(w, err) {
				return u.askAgain(w, r, form, http.StatusTooManyRequests)
			}
			return fmt.Errorf("deviceui: %w", err)
		}
	}
	code, ok := device.Clean(form.Get("user_code"))
	var found device.Request
	if ok {
		err = u.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
			found, ok, err = u.Devices.Open(tx, code)
			return err
		})
		if err != nil {
			return fmt.Errorf("deviceui: %w", err)
		}
	}
	var party *relyingparty.RelyingParty
	if ok {
		if party, err = u.Registry.Find(r.Context(), found.RelyingParty); err != nil {
			return fmt.Errorf("deviceui: %w", err)
		}
	}
	if party == nil || party.Disabled || !party.Grants(protocol.GrantDeviceCode) {
		form.Fail("user_code", "device.error.code")
		return u.askAgain(w, r, form, http.StatusBadRequest)
	}
	return u.begin(w, r, party, order{Digest: hex.EncodeToString(found.Digest), Code: code, Scopes: found.Scopes})
}

func (u *UI) begin(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	d := policy.Demand{Floor: party.ACR, Doors: party.Doors}
	if party.MaxAge > 0 {
		d.MaxAge = &party.MaxAge
	}
	n := flow.Prepare(party.ID, flow.State{Kind: flow.SignIn, Demand: d, Request: text, Attributes: o.request(party).Attributes()})
	n.State.Finish, n.State.CancelPath = pathConfirm+string(n.ID), pathCancel+string(n.ID)
	n.IP, n.Browser = kit.ClientIP(r), secret.Digest(kit.EnsureBrowser(w, r))
	err = u.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		_, err := u.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	return kit.See(w, r, "/signin/"+string(n.ID)) //nolint:wrapcheck // writes only
}

// standing is where a journey of a device stands.
type standing struct {
	order   order
	party   *relyingparty.RelyingParty
	flow    flow.Flow
	visit   visit.Visit
	subject string
	ready   bool // nothing is left to ask but the last question
	waits   bool // the device waits still
}

// read judges a journey by the dispatcher's own rule, with what the database says now.
func (u *UI) read(tx *db.Tx, r *http.Request, party *relyingparty.RelyingParty, o order) (out standing, err error) {
	out = standing{order: o, party: party}
	if out.visit, err = u.Visitor.ReadIn(tx, r); err != nil {
		return out, err
	}
	if out.flow, err = u.Flows.Load(tx, id.Flow(r.PathValue("flow")), out.visit.Browser); err != nil {
		return out, err
	}
	if _, out.waits, err = u.Devices.Find(tx, o.digest()); err != nil || !out.visit.SignedIn {
		return out, err
	}
	known, err := u.Connections.Stand(tx, connection.Asked{
		Account: out.visit.Account.ID, RelyingParty: party.ID, Claims: o.request(party).Attributes(), Period: party.ConsentPeriod,
	}, party.Sector)
	if err != nil {
		return out, err
	}
	out.subject = known.Subject
	s := out.flow.State
	step, _ := signin.Next(u.Table, signin.Position{
		Kind: s.Kind, Progress: s.Progress, RelyingParty: party.ID, Demand: s.Demand, Finish: s.Finish,
		Live:   &signin.Live{Session: out.visit.Session.ID, Account: out.visit.Account.ID, Facts: out.visit.Session.Facts},
		Agreed: known.Reason == connection.NotNeeded,
	}, tx.Now())
	out.ready = step == signin.StepFinish && u.Table.Next(s.Demand, out.visit.Session.Facts, tx.Now()).Step != policy.StepImpossible
	return out, nil
}

// load is the stored order of a journey of this browser, and its service. Fault Expired for
// one that is over.
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
	if f.State.Kind != flow.SignIn || json.Unmarshal(f.State.Request, &o) != nil || o.Digest == "" {
		return order{}, nil, kit.NotFound()
	}
	party, err := u.Registry.Get(r.Context(), f.RelyingParty)
	if err != nil {
		return order{}, nil, fmt.Errorf("deviceui: %w", err)
	}
	if party.Disabled || !party.Grants(protocol.GrantDeviceCode) {
		return order{}, nil, fault.New(fault.Denied, "oidc.redirect-gone")
	}
	scene, lang := kit.SceneOf(r), kit.Lang(r)
	scene.Reference = f.Reference
	scene.Lintel = &kit.Lintel{
		Line: u.Site.Tr(r).T("device.lintel"), Name: party.Name.In(lang), Department: party.Department.In(lang), Party: string(party.ID), Lang: foreign(party.Name, lang),
	}
	return o, party, nil
}

func foreign(text i18n.Text, page i18n.Lang) i18n.Lang {
	if l := text.Lang(page); l != page {
		return l
	}
	return ""
}

// over leads who comes to a journey that is over to the page that says so.
func over(w http.ResponseWriter, r *http.Request, err error) error {
	if fault.Is(err, fault.Expired) {
		return kit.See(w, r, pathDone+"?how=over") //nolint:wrapcheck // writes only
	}
	return err
}

// confirmPage is the data of pages/device-confirm.html.
type confirmPage struct {
	Flow    id.Flow
	Service string
	Address string
	Code    string
	Form    string // names the form for its token: that of this journey
}

// confirm asks the last question.
func (u *UI) confirm(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return over(w, r, err)
	}
	var s standing
	err = u.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		s, err = u.read(tx, r, party, o)
		return err
	})
	switch {
	case err != nil:
		return over(w, r, err)
	case !s.waits:
		return kit.See(w, r, pathDone+"?how=over") //nolint:wrapcheck // writes only
	case !s.ready:
		return kit.See(w, r, "/signin/"+string(s.flow.ID)) //nolint:wrapcheck // writes only
	}
	data := confirmPage{
		Flow: s.flow.ID, Service: party.Name.In(kit.Lang(r)), Address: s.visit.Address, Code: o.Code.String(), Form: formOf(s),
	}
	err = u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "device-confirm", Title: u.Site.Tr(r).T("device-confirm.title", "service", data.Service), Data: data,
	})
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	return nil
}

// formOf names the form of the last question: who was asked must answer.
func formOf(s standing) string {
	return "device-confirm " + string(s.flow.ID) + " " + string(s.visit.Account.ID)
}

// decide takes the answer: allow or deny; anything else asks again.
func (u *UI) decide(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return over(w, r, err)
	}
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	form, err := u.Site.Form(w, r, formOf(standing{flow: flow.Flow{ID: id.Flow(r.PathValue("flow"))}, visit: v}))
	if err != nil {
		return err //nolint:wrapcheck // a page of the kit
	}
	choice := form.Get("choice")
	if choice != "allow" && choice != "deny" {
		return kit.See(w, r, pathConfirm+r.PathValue("flow")) //nolint:wrapcheck // writes only
	}
	if choice == "allow" && v.SignedIn {
		if err := u.Limiter.Allow(r.Context(), ratelimit.DeviceAccount, string(v.Account.ID)); err != nil {
			return fmt.Errorf("deviceui: %w", err)
		}
	}
	gid := id.New[id.Grant]()
	var s standing
	how := ""
	err = u.DB.Write(r.Context(), func(tx *db.Tx) (err error) {
		how = ""
		if s, err = u.read(tx, r, party, o); err != nil || !s.ready && s.waits {
			return err
		}
		how, err = u.settle(tx, s, gid, choice == "allow")
		return err
	})
	switch {
	case err != nil:
		return over(w, r, err)
	case how == "": // something is to be proven or agreed to again
		return kit.See(w, r, "/signin/"+string(s.flow.ID)) //nolint:wrapcheck // writes only
	}
	return kit.See(w, r, pathDone+"?how="+how) //nolint:wrapcheck // writes only
}

// settle decides a request, once, and ends the journey.
func (u *UI) settle(tx *db.Tx, s standing, gid id.Grant, allow bool) (how string, err error) {
	if _, err := u.Flows.End(tx, s.flow.ID); err != nil {
		return "", err
	}
	found, _, err := u.Devices.Find(tx, s.order.digest())
	if err != nil {
		return "", err
	}
	first, err := u.Devices.Decide(tx, s.order.digest(), allow)
	if err != nil || !first {
		return "over", err
	}
	e := audit.Event{
		Name: audit.DeviceDenied, Account: s.visit.Account.ID, RelyingParty: s.party.ID, Session: s.visit.Session.ID, Flow: s.flow.ID,
		Outcome: audit.Success, Personal: s.visit.Personal(""),
	}
	if !allow {
		return "denied", u.Audit.Record(tx, e)
	}
	e.Name = audit.DeviceAllowed
	if s.subject == "" { // the first sign-in at a service of this sector
		if s.subject, err = u.Connections.Subject(tx, s.party.Sector, s.visit.Account.ID); err != nil {
			return "", err
		}
	}
	if err := u.Connections.Used(tx, s.visit.Account.ID, s.party.ID); err != nil {
		return "", err
	}
	claims := s.order.request(s.party).Claims()
	g := grant.Grant{ // of no session: the device is none of this browser's
		ID: gid, Account: s.visit.Account.ID, RelyingParty: s.party.ID, Subject: s.subject, Scopes: s.order.Scopes, UserInfoClaims: claims,
		ACR: u.Table.ACR(s.flow.State.Demand, s.visit.Session.Facts), AMR: policy.AMR(s.visit.Session.Facts), AuthTime: s.visit.Session.Facts.AuthenticatedAt(),
	}
	if s.party.IDTokenClaims {
		g.IDTokenClaims = claims
	}
	if err := u.Grants.Issue(tx, g, grant.Code{Digest: s.order.digest(), Life: found.Expires.Sub(tx.Now())}); err != nil {
		return "", err
	}
	return "allowed", u.Audit.Record(tx, e)
}

// cancel gives the request up: who declined what is shared, or went back.
func (u *UI) cancel(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return over(w, r, err)
	}
	var how string
	err = u.DB.Write(r.Context(), func(tx *db.Tx) error {
		s, err := u.read(tx, r, party, o)
		if err != nil {
			return err
		}
		how, err = u.settle(tx, s, "", false)
		return err
	})
	if err != nil {
		return over(w, r, err)
	}
	return kit.See(w, r, pathDone+"?how="+how) //nolint:wrapcheck // writes only
}

// done says what became of it.
func (u *UI) done(w http.ResponseWriter, r *http.Request) error {
	how := r.URL.Query().Get("how")
	if how != "allowed" && how != "denied" {
		how = "over"
	}
	err := u.pages.Render(w, r, http.StatusOK, kit.View{Page: "device-done", Title: u.Site.Tr(r).T("device-done." + how), Data: how})
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	return nil
}
