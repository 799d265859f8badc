package askedui

import (
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// standing is where the journey to a question stands.
type standing struct {
	asked   ciba.Request
	party   *relyingparty.RelyingParty
	flow    flow.Flow
	visit   visit.Visit
	subject string
	ready   bool // nothing is left to ask but the question
	waits   bool // the request waits still
	other   bool // somebody else is signed in than who was asked
}

// read judges a journey by the dispatcher's own rule, with what the database says now.
func (u *UI) read(tx *db.Tx, r *http.Request, party *relyingparty.RelyingParty, o order) (out standing, err error) {
	out = standing{party: party}
	if out.visit, err = u.Visitor.ReadIn(tx, r); err != nil {
		return out, err
	}
	if out.flow, err = u.Flows.Load(tx, id.Flow(r.PathValue("flow")), out.visit.Browser); err != nil {
		return out, err
	}
	out.asked, out.waits, err = u.Asked.Find(tx, o.Name)
	if err != nil || !out.waits || !out.visit.SignedIn {
		return out, err
	}
	if out.other = out.visit.Account.ID != out.asked.Account; out.other {
		return out, nil
	}
	known, err := u.Connections.Stand(tx, connection.Asked{
		Account: out.visit.Account.ID, RelyingParty: party.ID, Claims: requestOf(out.asked).Attributes(), Period: party.ConsentPeriod,
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

// questionPage is the data of pages/confirmation-question.html.
type questionPage struct {
	ciba.Request

	Flow                         id.Flow
	Service, Department, Address string
	Form                         string // names the form for its token: that of this journey and account
}

// confirm asks the question.
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
		return ended(w, r, "over")
	case s.other:
		return ended(w, r, "other")
	case !s.ready:
		return kit.See(w, r, "/signin/"+string(s.flow.ID)) //nolint:wrapcheck // writes only
	}
	lang := kit.Lang(r)
	data := questionPage{
		Request: s.asked, Flow: s.flow.ID, Service: party.Name.In(lang), Department: party.Department.In(lang), Address: s.visit.Address,
		Form: formOf(s.flow.ID, s.visit.Account.ID),
	}
	return u.render(w, r, kit.View{
		Page: "confirmation-question", Title: u.Site.Tr(r).T("confirmation-question.title", "service", data.Service), Data: data,
	})
}

// formOf names the form of the question: who was asked must answer.
func formOf(f id.Flow, a id.Account) string { return "confirmation " + string(f) + " " + string(a) }

// decide takes the answer: allow or deny; anything else asks again.
func (u *UI) decide(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return over(w, r, err)
	}
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return fmt.Errorf("askedui: %w", err)
	}
	form, err := u.Site.Form(w, r, formOf(id.Flow(r.PathValue("flow")), v.Account.ID))
	if err != nil {
		return err //nolint:wrapcheck // a page of the kit
	}
	choice := form.Get("choice")
	if choice != "allow" && choice != "deny" {
		return kit.See(w, r, pathConfirm+r.PathValue("flow")) //nolint:wrapcheck // writes only
	}
	return u.answer(w, r, party, o, choice == "allow")
}

// cancel says no: who declined what is shared, or went back.
func (u *UI) cancel(w http.ResponseWriter, r *http.Request) error {
	o, party, err := u.load(r)
	if err != nil {
		return over(w, r, err)
	}
	return u.answer(w, r, party, o, false)
}

func (u *UI) answer(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, o order, allow bool) error {
	gid := id.New[id.Grant]()
	var s standing
	how := ""
	err := u.DB.Write(r.Context(), func(tx *db.Tx) (err error) {
		how = ""
		if s, err = u.read(tx, r, party, o); err != nil {
			return err
		}
		switch {
		case !s.waits:
			how = "over"
		case !s.visit.SignedIn && !allow: // nobody that could say no: the request waits on
			how = "waits"
		case s.other:
			how = "other"
		case allow && !s.ready: // something is to be proven or agreed to again
			return nil
		}
		if how == "" {
			if how, err = u.settle(tx, s, gid, allow); err != nil {
				return err
			}
		}
		_, err = u.Flows.End(tx, s.flow.ID)
		return err
	})
	switch {
	case err != nil:
		return over(w, r, err)
	case how == "":
		return kit.See(w, r, "/signin/"+string(s.flow.ID)) //nolint:wrapcheck // writes only
	}
	return ended(w, r, how)
}

// settle decides a request, once.
func (u *UI) settle(tx *db.Tx, s standing, gid id.Grant, allow bool) (how string, err error) {
	first, err := u.Asked.Decide(tx, s.asked.ID, s.visit.Account.ID, allow)
	if err != nil || !first {
		return "over", err
	}
	e := audit.Event{
		Name: audit.CIBADenied, Account: s.visit.Account.ID, RelyingParty: s.party.ID, Session: s.visit.Session.ID, Flow: s.flow.ID,
		Outcome: audit.Success, Personal: s.visit.Personal(""),
	}
	if !allow {
		return "denied", u.Audit.Record(tx, e)
	}
	e.Name = audit.CIBAAllowed
	if s.subject == "" { // it was given up since (a service begins anew)
		if s.subject, err = u.Connections.Subject(tx, s.party.Sector, s.visit.Account.ID); err != nil {
			return "", err
		}
	}
	if err := u.Connections.Used(tx, s.visit.Account.ID, s.party.ID); err != nil {
		return "", err
	}
	claims := requestOf(s.asked).Claims()
	g := grant.Grant{ // of no session: the service is not in this browser
		ID: gid, Account: s.visit.Account.ID, RelyingParty: s.party.ID, Subject: s.subject, Scopes: s.asked.Scopes, UserInfoClaims: claims,
		ACR: u.Table.ACR(s.flow.State.Demand, s.visit.Session.Facts), AMR: policy.AMR(s.visit.Session.Facts), AuthTime: s.visit.Session.Facts.AuthenticatedAt(),
	}
	if s.party.IDTokenClaims {
		g.IDTokenClaims = claims
	}
	if err := u.Grants.Issue(tx, g, grant.Code{Digest: s.asked.Digest, Life: s.asked.Expires.Sub(tx.Now())}); err != nil {
		return "", err
	}
	return "allowed", u.Audit.Record(tx, e)
}
