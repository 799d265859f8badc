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
	"fmt"
	"net/http"
	"time"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/place"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/elsewhere"
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

// Config is what New needs; every field but Places must be set.
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
	Places      *place.Places // where IP addresses are; nil: no place is named
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
		return nil, fmt.Errorf("deviceui: %w", err)
	}
	return &UI{Config: c, pages: pages, journey: &elsewhere.Journey{
		Site: c.Site, DB: c.DB, Registry: c.Registry, Visitor: c.Visitor, Flows: c.Flows, Connections: c.Connections, Grants: c.Grants, Audit: c.Audit,
		Table: c.Table, GrantType: protocol.GrantDeviceCode, Lintel: "device.lintel", Confirm: pathConfirm, Cancel: pathCancel, Ending: pathDone,
	}}, nil
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
}

func (o *order) digest() []byte {
	out, _ := hex.DecodeString(o.Digest) // ours
	return out
}

// Whole reports whether it names a device.
func (o *order) Whole() bool { return o.Digest != "" }

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
	if !u.journey.Asks(party) {
		form.Fail("user_code", "device.error.code")
		return u.askAgain(w, r, form, http.StatusBadRequest)
	}
	o := &order{Digest: hex.EncodeToString(found.Digest), Code: code}
	return u.journey.Begin(w, r, party, o, wanted(found)) //nolint:wrapcheck // wrapped there
}

// wanted is what a device wants of whoever types its code.
func wanted(r device.Request) elsewhere.Wanted {
	return elsewhere.Wanted{Scopes: r.Scopes, Details: r.Details, Resources: r.Resources, Claims: r.Claims}
}

// standing is where the journey of a device stands.
type standing struct {
	elsewhere.Standing

	order order
	asked device.Request
	waits bool // the device waits still
}

// load is the device of a journey of this browser, and its service.
func (u *UI) load(r *http.Request) (o order, party *relyingparty.RelyingParty, err error) {
	party, err = u.journey.Load(r, &o)
	return o, party, err //nolint:wrapcheck // a fault that Over and the kit know
}

// read judges a journey with what the database says now.
func (u *UI) read(tx *db.Tx, r *http.Request, party *relyingparty.RelyingParty, o order) (out standing, err error) {
	out.order = o
	if out.Standing, err = u.journey.Come(tx, r, party); err != nil {
		return out, err
	}
	if out.asked, out.waits, err = u.Devices.Find(tx, o.digest()); err != nil || !out.waits {
		return out, err
	}
	err = u.journey.Judge(tx, &out.Standing, wanted(out.asked))
	return out, err
}

// confirmPage is the data of pages/device-confirm.html.
type confirmPage struct {
	Flow    id.Flow
	Begun   time.Time // this and the next two: by which somebody who was sent a link can tell that it was not them
	Place   string    // near which the device is; "" when that is not known
	System  string    // that the device says it is; "" when it says none that is known
	Address string
	Code    string
	Tasks   []relyingparty.Task // what exactly it wants to do
	Form    string              // names the form for its token: that of this journey
}

// confirm asks the last question.
func (u *UI) confirm(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	}
	var s standing
	err = u.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		s, err = u.read(tx, r, party, o)
		return err
	})
	switch {
	case err != nil:
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	case !s.waits:
		return u.journey.Ended(w, r, "over") //nolint:wrapcheck // writes only
	case !s.Ready:
		return u.journey.Back(w, r, s.Flow.ID) //nolint:wrapcheck // writes only
	}
	data := confirmPage{
		Flow: s.Flow.ID, Begun: s.asked.Begun, Place: u.Places.Of(s.asked.Origin.IP, kit.Lang(r)), System: s.asked.Origin.System, Address: s.Visit.Address,
		Code: o.Code.String(), Form: formOf(s.Flow.ID, s.Visit.Account.ID),
	}
	tr := u.Site.Tr(r)
	if data.Tasks, err = party.Tasks(tr, s.asked.Details); err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	err = u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "device-confirm", Title: tr.T("device-confirm.title", "service", party.Name.In(tr.Lang())), Data: data,
	})
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	return nil
}

// formOf names the form of the last question: who was asked must answer.
func formOf(f id.Flow, a id.Account) string { return "device-confirm " + string(f) + " " + string(a) }

// decide takes the answer: allow or deny; anything else asks again.
func (u *UI) decide(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	}
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return fmt.Errorf("deviceui: %w", err)
	}
	form, err := u.Site.Form(w, r, formOf(id.Flow(r.PathValue("flow")), v.Account.ID))
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
		if s, err = u.read(tx, r, party, o); err != nil || !s.Ready && s.waits {
			return err
		}
		how, err = u.settle(tx, s, gid, choice == "allow")
		return err
	})
	switch {
	case err != nil:
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	case how == "": // something is to be proven or agreed to again
		return u.journey.Back(w, r, s.Flow.ID) //nolint:wrapcheck // writes only
	}
	return u.journey.Ended(w, r, how) //nolint:wrapcheck // writes only
}

// settle decides a request, once, and ends the journey.
func (u *UI) settle(tx *db.Tx, s standing, gid id.Grant, allow bool) (how string, err error) {
	if _, err := u.Flows.End(tx, s.Flow.ID); err != nil {
		return "", err
	}
	first, err := u.Devices.Decide(tx, s.order.digest(), allow)
	if err != nil || !first {
		return "over", err
	}
	answer := elsewhere.Answer{Allowed: allow, Name: audit.DeviceDenied, Grant: gid, Digest: s.order.digest(), Expires: s.asked.Expires}
	how = "denied"
	if allow {
		answer.Name, how = audit.DeviceAllowed, "allowed"
	}
	return how, u.journey.Decided(tx, s.Standing, answer)
}

// cancel gives the request up: who declined what is shared, or went back.
func (u *UI) cancel(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
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
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	}
	return u.journey.Ended(w, r, how) //nolint:wrapcheck // writes only
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
