package askedui

import (
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/ciba"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/web/elsewhere"
	"parvis/internal/web/kit"
)

// standing is where the journey to a question stands.
type standing struct {
	elsewhere.Standing

	asked ciba.Request
	waits bool // the request waits still
	other bool // somebody else is signed in than who was asked
}

// load is the request of a journey of this browser, and its service.
func (u *UI) load(r *http.Request) (o order, party *relyingparty.RelyingParty, err error) {
	party, err = u.journey.Load(r, &o)
	return o, party, err //nolint:wrapcheck // a fault that Over and the kit know
}

// read judges a journey with what the database says now.
func (u *UI) read(tx *db.Tx, r *http.Request, party *relyingparty.RelyingParty, o order) (out standing, err error) {
	if out.Standing, err = u.journey.Come(tx, r, party); err != nil {
		return out, err
	}
	out.asked, out.waits, err = u.Asked.Find(tx, o.Name)
	if err != nil || !out.waits || !out.Visit.SignedIn {
		return out, err
	}
	if out.other = out.Visit.Account.ID != out.asked.Account; out.other {
		return out, nil
	}
	err = u.journey.Judge(tx, &out.Standing, wanted(out.asked))
	return out, err
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
	case s.other:
		return u.journey.Ended(w, r, "other") //nolint:wrapcheck // writes only
	case !s.Ready:
		return u.journey.Back(w, r, s.Flow.ID) //nolint:wrapcheck // writes only
	}
	lang := kit.Lang(r)
	data := questionPage{
		Request: s.asked, Flow: s.Flow.ID, Service: party.Name.In(lang), Department: party.Department.In(lang), Address: s.Visit.Address,
		Form: formOf(s.Flow.ID, s.Visit.Account.ID),
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
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
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
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
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
		case !s.Visit.SignedIn && !allow: // nobody that could say no: the request waits on
			how = "waits"
		case s.other:
			how = "other"
		case allow && !s.Ready: // something is to be proven or agreed to again
			return nil
		}
		if how == "" {
			if how, err = u.settle(tx, s, gid, allow); err != nil {
				return err
			}
		}
		_, err = u.Flows.End(tx, s.Flow.ID)
		return err
	})
	switch {
	case err != nil:
		return u.journey.Over(w, r, err) //nolint:wrapcheck // a fault that the kit knows
	case how == "":
		return u.journey.Back(w, r, s.Flow.ID) //nolint:wrapcheck // writes only
	}
	return u.journey.Ended(w, r, how) //nolint:wrapcheck // writes only
}

// settle decides a request, once.
func (u *UI) settle(tx *db.Tx, s standing, gid id.Grant, allow bool) (how string, err error) {
	first, err := u.Asked.Decide(tx, s.asked.ID, s.Visit.Account.ID, allow)
	if err != nil || !first {
		return "over", err
	}
	answer := elsewhere.Answer{Allowed: allow, Name: audit.CIBADenied, Grant: gid, Digest: s.asked.Digest, Expires: s.asked.Expires}
	how = "denied"
	if allow {
		answer.Name, how = audit.CIBAAllowed, "allowed"
	}
	return how, u.journey.Decided(tx, s.Standing, answer)
}
