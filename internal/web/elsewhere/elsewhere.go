// Package elsewhere holds what the pages have in common on which people decide what a service
// is given that is not in their browser: a device (web/deviceui), and a service that asks
// them (web/askedui).
//
// A Journey begins as every other request's does: who is signed in, how well, and what is
// shared, is for package signin and its dispatcher. It ends at a question, which is judged
// anew with what the database says then, and an answer, which is a grant of no session. What
// waits for the answer, and what the pages say, is for the packages of the pages.
package elsewhere

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// Journey leads to a question. All fields are needed.
type Journey struct {
	Site        *kit.Site
	DB          *db.DB
	Registry    *relyingparty.Registry
	Visitor     *visit.Visitor
	Flows       flow.Flows
	Connections connection.Connections
	Grants      grant.Grants
	Audit       *audit.Log
	Table       policy.Table

	GrantType               string // that a service must have
	Lintel                  string // key of the line above the pages
	Confirm, Cancel, Ending string // addresses: of the question and of going back, before the journey's name; of what became of it
}

// Asks reports whether a service may ask by this journey.
func (j *Journey) Asks(party *relyingparty.RelyingParty) bool {
	return party != nil && !party.Disabled && party.Grants(j.GrantType)
}

// request is what the person is asked about.
func (w Wanted) request(party *relyingparty.RelyingParty) (*protocol.Request, error) {
	asked, err := claim.KeptParameter(w.Claims)
	if err != nil {
		return nil, fmt.Errorf("elsewhere: %w", err)
	}
	out := &protocol.Request{ClientID: string(party.ID), Scopes: w.Scopes, Resources: w.Resources, Details: w.Details, Identities: party.Identities}
	out.ACR = w.ACR
	out.Want(asked)
	return out, nil
}

// Order is what a journey keeps of its question, as JSON.
type Order interface {
	// Whole reports whether it was read from a journey of its own kind.
	Whole() bool
}

// Wanted is what a service wants of the person.
type Wanted struct {
	Scopes    []string
	ACR       []string   // classes of sign-in, by preference
	For       id.Account // only who may answer; "" for anybody
	Details   string     // what exactly it wants to do, as JSON (RFC 9396); asked each time
	Resources []string   // that it wants tokens for (RFC 8707)
	Claims    string     // that it asks for one by one, as claim.Parameter keeps them
}

// Begin begins a journey to a question, and leads to its first step.
func (j *Journey) Begin(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, o Order, want Wanted) error {
	text, err := flow.Marshal(o)
	if err != nil {
		return fmt.Errorf("elsewhere: %w", err)
	}
	asked, err := want.request(party)
	if err != nil {
		return err
	}
	d := policy.Demand{ACR: asked.ACR, Essential: asked.EssentialACR, Floor: party.ACR, Doors: party.Doors}
	if party.MaxAge > 0 {
		d.MaxAge = &party.MaxAge
	}
	n := flow.Prepare(party.ID, flow.State{
		Kind: flow.SignIn, Demand: d, Request: text, Attributes: asked.Attributes(), Details: want.Details, For: want.For, ForceConsent: want.Details != "",
	})
	n.State.Finish, n.State.CancelPath = j.Confirm+string(n.ID), j.Cancel+string(n.ID)
	n.IP, n.Browser = kit.ClientIP(r), secret.Digest(kit.EnsureBrowser(w, r))
	err = j.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		_, err := j.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("elsewhere: %w", err)
	}
	return j.Back(w, r, n.ID)
}

// Back leads to the dispatcher: something is to be proven or agreed to first.
func (*Journey) Back(w http.ResponseWriter, r *http.Request, f id.Flow) error {
	return kit.See(w, r, "/signin/"+string(f)) //nolint:wrapcheck // writes only
}

// Ended leads to the page that says what became of it.
func (j *Journey) Ended(w http.ResponseWriter, r *http.Request, how string) error {
	return kit.See(w, r, j.Ending+"?how="+how) //nolint:wrapcheck // writes only
}

// Over leads who comes to a journey that is over to the page that says so; other errors are
// given back.
func (j *Journey) Over(w http.ResponseWriter, r *http.Request, err error) error {
	if fault.Is(err, fault.Expired) {
		return j.Ended(w, r, "over")
	}
	return err
}

// Load reads the order of a journey of this browser into o, and finds its service, which the
// page says. Fault Expired for a journey that is over.
func (j *Journey) Load(r *http.Request, o Order) (*relyingparty.RelyingParty, error) {
	if r.Method == http.MethodHead {
		return nil, fault.New(fault.Invalid, "oidc.head")
	}
	var f flow.Flow
	err := j.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		f, err = j.Flows.Load(tx, id.Flow(r.PathValue("flow")), j.Visitor.Of(r).Browser)
		return err
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // a fault that the caller and the kit know
	}
	if f.State.Kind != flow.SignIn || json.Unmarshal(f.State.Request, o) != nil || !o.Whole() {
		return nil, kit.NotFound()
	}
	party, err := j.Registry.Get(r.Context(), f.RelyingParty)
	if err != nil {
		return nil, fmt.Errorf("elsewhere: %w", err)
	}
	if !j.Asks(party) {
		return nil, fault.New(fault.Denied, "oidc.redirect-gone")
	}
	scene, lang := kit.SceneOf(r), kit.Lang(r)
	scene.Reference = f.Reference
	scene.Lintel = &kit.Lintel{
		Line: j.Site.Tr(r).T(j.Lintel), Name: party.Name.In(lang), Department: party.Department.In(lang), Party: string(party.ID), Lang: foreign(party.Name, lang),
	}
	return party, nil
}

func foreign(text i18n.Text, page i18n.Lang) i18n.Lang {
	if l := text.Lang(page); l != page {
		return l
	}
	return ""
}

// Standing is where the journey to a question stands.
type Standing struct {
	Party *relyingparty.RelyingParty
	Flow  flow.Flow
	Visit visit.Visit
	Ready bool // nothing is left to ask but the question

	subject string
	request *protocol.Request // that Judge judged
}

// Come reads who comes with which journey.
func (j *Journey) Come(tx *db.Tx, r *http.Request, party *relyingparty.RelyingParty) (Standing, error) {
	out := Standing{Party: party}
	var err error
	if out.Visit, err = j.Visitor.ReadIn(tx, r); err != nil {
		return out, err //nolint:wrapcheck // a fault that the kit knows
	}
	out.Flow, err = j.Flows.Load(tx, id.Flow(r.PathValue("flow")), out.Visit.Browser)
	return out, err //nolint:wrapcheck // a fault that the kit knows
}

// Judge says by the dispatcher's own rule whether nothing is left to ask but the question,
// with what the database says now.
func (j *Journey) Judge(tx *db.Tx, at *Standing, want Wanted) (err error) {
	if at.request, err = want.request(at.Party); err != nil || !at.Visit.SignedIn {
		return err
	}
	known, err := j.Connections.Stand(tx, connection.Asked{
		Account: at.Visit.Account.ID, RelyingParty: at.Party.ID, Claims: at.request.Attributes(), Period: at.Party.ConsentPeriod,
	}, at.Party.Sector)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the pages
	}
	at.subject = known.Subject
	s, facts := at.Flow.State, at.Visit.Session.Facts
	step, _ := signin.Next(j.Table, signin.Position{
		Kind: s.Kind, Progress: s.Progress, RelyingParty: at.Party.ID, Demand: s.Demand, ForceConsent: s.ForceConsent, Finish: s.Finish, For: s.For,
		Live:   &signin.Live{Session: at.Visit.Session.ID, Account: at.Visit.Account.ID, Facts: facts},
		Agreed: known.Reason == connection.NotNeeded,
	}, tx.Now())
	at.Ready = step == signin.StepFinish && j.Table.Next(s.Demand, facts, tx.Now()).Step != policy.StepImpossible
	return nil
}

// Answer is what was decided, once, about a code that the service waits with. What is allowed
// is what Judge found nothing more to ask about.
type Answer struct {
	Allowed bool
	Name    audit.Name // of its event
	Grant   id.Grant   // made before the transaction; of what is allowed
	Digest  []byte     // of the code
	Expires time.Time  // of the code
}

// Decided records an answer, and gives what is allowed: a grant of no session, since the
// service is not in this browser.
func (j *Journey) Decided(tx *db.Tx, at Standing, a Answer) error {
	event := audit.Event{
		Name: a.Name, Account: at.Visit.Account.ID, RelyingParty: at.Party.ID, Session: at.Visit.Session.ID, Flow: at.Flow.ID,
		Outcome: audit.Success, Personal: at.Visit.Personal(""),
	}
	if !a.Allowed {
		return j.Audit.Record(tx, event) //nolint:wrapcheck // wrapped by the pages
	}
	if at.subject == "" { // the first sign-in at a service of this sector, or it was given up since
		var err error
		if at.subject, err = j.Connections.Subject(tx, at.Party.Sector, at.Visit.Account.ID); err != nil {
			return err //nolint:wrapcheck // wrapped by the pages
		}
	}
	if err := j.Connections.Used(tx, at.Visit.Account.ID, at.Party.ID); err != nil {
		return err //nolint:wrapcheck // wrapped by the pages
	}
	g, err := grant.Asked(at.request, at.Party.AsClient(j.Site.PublicURL), at.Party.IDTokenClaims)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the pages
	}
	facts := at.Visit.Session.Facts
	g.ID, g.Account, g.RelyingParty, g.Subject = a.Grant, at.Visit.Account.ID, at.Party.ID, at.subject
	g.ACR, g.AMR, g.AuthTime = j.Table.ACR(at.Flow.State.Demand, facts), policy.AMR(facts), facts.AuthenticatedAt()
	if err := j.Grants.Issue(tx, g, grant.Code{Digest: a.Digest, Life: a.Expires.Sub(tx.Now())}); err != nil {
		return err //nolint:wrapcheck // wrapped by the pages
	}
	return j.Audit.Record(tx, event) //nolint:wrapcheck // wrapped by the pages
}
