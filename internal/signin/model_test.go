package signin_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/proving"
	"parvis/internal/recovery"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// traveller is a person in a place of the journey, with everything they hold:
// the newest letter's link and code, the right password, a session or none.
type traveller struct {
	*journeytest.Browser

	h       *journeytest.House
	flow    id.Flow
	address string
	seed    *totp.Seed      // of the app that is bound, nil for none
	answer  upstream.Answer // that the partner sent back
}

// held is the newest link and code that were mailed to the traveller.
func (w *traveller) held() (token, code string) {
	token, code = "no-such-token", "123456"
	for _, l := range w.h.Letters(w.address) {
		if t := journeytest.Token(l); t != "" {
			token = t
			if len(l.Codes) > 0 {
				code = l.Codes[0]
			}
			return token, code
		}
	}
	return token, code
}

// place is a state of the machine and how one gets there.
type place struct {
	name string
	step signin.Step
	make func(h *journeytest.House, address string) *traveller
}

func places() []place {
	at := func(h *journeytest.House, b *journeytest.Browser, f id.Flow, address string) *traveller {
		return &traveller{Browser: b, h: h, flow: f, address: address}
	}
	// fresh is an active account's owner in a browser that is not signed in.
	fresh := func(h *journeytest.House, address string) *traveller {
		h.Active(address)
		b := h.Browser()
		return at(h, b, b.From(journeytest.Licences), address)
	}
	inside := func(h *journeytest.House, address string, rp id.RelyingParty, change ...func(*flow.State)) *traveller {
		b := h.Active(address)
		return at(h, b, b.From(rp, change...), address)
	}
	return []place{
		{"sign-in", signin.StepSignIn, fresh},
		{"sign-in again", signin.StepSignIn, func(h *journeytest.House, a string) *traveller {
			return inside(h, a, journeytest.Licences, journeytest.ForceLogin)
		}},
		{"create-account", signin.StepCreate, func(h *journeytest.House, a string) *traveller {
			b := h.Browser()
			f, err := h.Signin.Start(h.T.Context(), b.Visitor, signin.Starts{Task: flow.TaskCreate})
			if err != nil {
				h.T.Fatal(err)
			}
			return at(h, b, f, a)
		}},
		{"confirm-email", signin.StepConfirmEmail, func(h *journeytest.House, a string) *traveller {
			b := h.Browser()
			f := b.From(journeytest.Licences)
			b.Create(f, a)
			return at(h, b, f, a)
		}},
		{"already-registered", signin.StepAlready, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			h.Clock.Advance(time.Second)
			w.Create(w.flow, a)
			token, _ := w.held()
			w.Activate(token)
			return w
		}},
		{"choose-password, first", signin.StepChoosePassword, func(h *journeytest.House, a string) *traveller {
			b := h.Browser()
			f := b.From(journeytest.Licences)
			b.Create(f, a)
			w := at(h, b, f, a)
			token, _ := w.held()
			w.Activate(token)
			return w
		}},
		{"unlock", signin.StepUnlock, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			h.Lock(a)
			w.SignIn(w.flow, a, journeytest.Password)
			return w
		}},
		{"check-email, reset", signin.StepCheckEmail, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			h.Clock.Advance(time.Second)
			w.Reset(w.flow, a)
			return w
		}},
		{"check-email, unlock", signin.StepCheckEmail, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			h.Lock(a)
			h.Clock.Advance(time.Second)
			w.Unlock(w.flow, a)
			return w
		}},
		{"choose-password, new", signin.StepChoosePassword, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			h.Clock.Advance(time.Second)
			w.Reset(w.flow, a)
			token, _ := w.held()
			w.Recover(token)
			return w
		}},
		{"continue", signin.StepContinue, func(h *journeytest.House, a string) *traveller {
			return inside(h, a, journeytest.Licences, func(s *flow.State) { s.SelectAccount = true })
		}},
		{"consent", signin.StepConsent, func(h *journeytest.House, a string) *traveller {
			return inside(h, a, journeytest.Licences)
		}},
		{"services", signin.StepServices, func(h *journeytest.House, a string) *traveller {
			b := h.Active(a)
			return at(h, b, b.Direct(), a)
		}},
		{"finish", signin.StepFinish, func(h *journeytest.House, a string) *traveller {
			w := inside(h, a, journeytest.Permits)
			if err := h.Signin.Decide(h.T.Context(), w.Visitor, w.flow, true); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"merged", signin.StepMerged, merged},
		{"closing", signin.StepClosing, closing},
		{"account-activated", signin.StepReady, func(h *journeytest.House, a string) *traveller {
			first, phone := h.Browser(), h.Browser()
			first.Create(first.From(journeytest.Licences), a)
			w := at(h, phone, "", a)
			token, _ := w.held()
			w.flow = phone.Activate(token).Flow
			phone.Choose(w.flow, journeytest.Password)
			return w
		}},
		{"cancelled", signin.StepCancelled, func(h *journeytest.House, a string) *traveller {
			w := inside(h, a, journeytest.Licences)
			if err := h.Signin.Decide(h.T.Context(), w.Visitor, w.flow, false); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"sign-out", signin.StepSignOut, func(h *journeytest.House, a string) *traveller {
			return inside(h, a, journeytest.Licences, func(s *flow.State) { s.Kind = flow.SignOut })
		}},
		{"expired", signin.StepExpired, func(h *journeytest.House, a string) *traveller {
			w := fresh(h, a)
			err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error {
				_, err := h.Flows.End(tx, w.flow)
				return err
			})
			if err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
	}
}

// merged is the owner of an account that was merged into another one.
func merged(h *journeytest.House, address string) *traveller {
	other, b := h.Active("stays."+address), h.Active(address)
	err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error {
		_, err := h.Merging.Merges.Begin(tx, account.NewMerge(), other.Live().Account, b.Live().Account)
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	b = h.Browser()
	w := &traveller{Browser: b, h: h, flow: b.From(journeytest.Licences), address: address}
	w.SignIn(w.flow, address, journeytest.Password)
	w.Enter(w.flow, w.Ask(w.flow, address))
	return w
}

// closing is the owner of an account that is to be deleted.
func closing(h *journeytest.House, address string) *traveller {
	b := h.Active(address)
	err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error {
		_, err := h.Leaving.Closures.Begin(tx, account.NewClosure(), b.Live().Account, time.Hour)
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	b = h.Browser()
	w := &traveller{Browser: b, h: h, flow: b.From(journeytest.Licences), address: address}
	w.SignIn(w.flow, address, journeytest.Password)
	return w
}

// allPlaces are the states of every journey.
func allPlaces() []place { return slices.Concat(places(), secondPlaces(), partnerPlaces()) }

// allRequests are what a browser can send at all of them.
func allRequests() []request {
	return slices.Concat(requests(), secondRequests(), partnerRequests())
}

// request is something a browser can send, whatever page it is on.
type request struct {
	name string // as in Edges
	note string
	send func(w *traveller) error
}

func requests() []request {
	password := func(text string) func(w *traveller) error {
		return func(w *traveller) error {
			r, err := w.h.Signin.Password(w.h.T.Context(), w.Visitor, w.flow, signin.PasswordForm{Address: w.address, Password: text})
			w.Keep(r.Cookies)
			return err
		}
	}
	prove := func(f func(w *traveller) (proving.Result, error)) func(w *traveller) error {
		return func(w *traveller) error {
			_, err := f(w)
			return err
		}
	}
	form := recovery.PasswordForm{Password: journeytest.Other, EndSessions: true}
	return []request{
		{"sign-in", "right", password(journeytest.Password)},
		{"sign-in", "wrong", password("a wrong password")},
		{"create-account", "", prove(func(w *traveller) (proving.Result, error) {
			in := enrollment.AddressForm{Address: w.address, Locale: "en", Terms: true}
			return w.h.Enroll.Address(w.h.T.Context(), w.Visitor, w.flow, in)
		})},
		{"resend", "activation", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Enroll.Resend(w.h.T.Context(), w.Visitor, w.flow)
		})},
		{"confirm-email", "right", prove(func(w *traveller) (proving.Result, error) {
			_, code := w.held()
			return w.h.Enroll.Code(w.h.T.Context(), w.Visitor, w.flow, code)
		})},
		{"confirm-email", "wrong", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Enroll.Code(w.h.T.Context(), w.Visitor, w.flow, "12")
		})},
		{"choose-password", "first", func(w *traveller) error {
			r, err := w.h.Enroll.Password(w.h.T.Context(), w.Visitor, w.flow, journeytest.Other)
			w.Keep(r.Cookies)
			return err
		}},
		{"ways-in", "", func(w *traveller) error { return w.h.Recovery.Ways(w.h.T.Context(), w.Visitor, w.flow, w.address) }},
		{"reset-password", "", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Recovery.Reset(w.h.T.Context(), w.Visitor, w.flow, w.address)
		})},
		{"unlock", "", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Recovery.Unlock(w.h.T.Context(), w.Visitor, w.flow, w.address)
		})},
		{"resend", "recovery", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Recovery.Resend(w.h.T.Context(), w.Visitor, w.flow)
		})},
		{"check-email", "right", prove(func(w *traveller) (proving.Result, error) {
			_, code := w.held()
			return w.h.Recovery.Code(w.h.T.Context(), w.Visitor, w.flow, code)
		})},
		{"check-email", "wrong", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Recovery.Code(w.h.T.Context(), w.Visitor, w.flow, "12")
		})},
		{"choose-password", "new", prove(func(w *traveller) (proving.Result, error) {
			return w.h.Recovery.Password(w.h.T.Context(), w.Visitor, w.flow, form)
		})},
		{"link", "activation", prove(func(w *traveller) (proving.Result, error) {
			token, _ := w.held()
			return w.h.Enroll.ConfirmLink(w.h.T.Context(), w.Visitor, token)
		})},
		{"link", "recovery", prove(func(w *traveller) (proving.Result, error) {
			token, _ := w.held()
			return w.h.Recovery.ConfirmLink(w.h.T.Context(), w.Visitor, token)
		})},
		{"continue", "", func(w *traveller) error { return w.h.Signin.Continue(w.h.T.Context(), w.Visitor, w.flow) }},
		{"switch", "", func(w *traveller) error { return w.h.Signin.Switch(w.h.T.Context(), w.Visitor, w.flow) }},
		{"undo-merge", "", func(w *traveller) error { return w.h.Merging.Undo(w.h.T.Context(), w.Visitor) }},
		{"keep-account", "", func(w *traveller) error { return w.h.Leaving.Keep(w.h.T.Context(), w.Visitor) }},
		{"consent", "allow", func(w *traveller) error { return w.h.Signin.Decide(w.h.T.Context(), w.Visitor, w.flow, true) }},
		{"consent", "deny", func(w *traveller) error { return w.h.Signin.Decide(w.h.T.Context(), w.Visitor, w.flow, false) }},
		{"cancel", "", func(w *traveller) error { return w.h.Signin.Cancel(w.h.T.Context(), w.Visitor, w.flow) }},
		{"resume", "", func(w *traveller) error { return w.h.Signin.Resume(w.h.T.Context(), w.Visitor, w.flow) }},
	}
}

// C.2 26: every request at every step. What is drawn may happen; everything else
// leaves the step, the session and the flow as they were.
func TestOnlyTheDrawnWaysExist(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		taken := map[string]bool{}
		for i, p := range allPlaces() {
			for k, r := range allRequests() {
				if h.DB.Engine() == db.PostgreSQL && (i+k)%9 != 0 {
					continue // the rules are the same on both engines: a sample is enough
				}
				name := fmt.Sprintf("%s: %s %s", p.name, r.name, r.note)
				w := p.make(h, fmt.Sprintf("person.%d.%d@example.org", i, k))
				if got := w.View(w.flow).Step; got != p.step {
					t.Fatalf("%s: begins at %q", name, got)
				}
				before := w.Session
				err := r.send(w)
				if err != nil && fault.KindOf(err) == fault.Internal {
					t.Errorf("%s: %v", name, err)
				}
				got := w.View(w.flow).Step
				drawn := signin.Drawn(p.step, r.name, got)
				switch {
				case got == p.step && w.Session == before:
				case !drawn:
					t.Errorf("%s: leads to %q, which is not drawn", name, got)
				default:
					taken[string(p.step)+" "+r.name+" "+string(got)] = true
				}
				if w.Session != before && !drawn {
					t.Errorf("%s: gives a session", name)
				}
			}
		}
		if h.DB.Engine() == db.SQLite && len(taken) < 40 {
			t.Errorf("only %d ways were taken", len(taken))
		}
	}, journeytest.WithoutRehearsal())
}

// C.2 25: a flow of another browser does not exist, whatever is asked of it.
func TestAForeignFlowTakesNoRequest(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		for i, p := range allPlaces() {
			w := p.make(h, fmt.Sprintf("person.%d@example.org", i))
			foreign := &traveller{Browser: h.Browser(), h: h, flow: w.flow, address: "thief@example.org"}
			forged := &traveller{Browser: w.Browser, h: h, flow: w.flow + "A", address: "thief@example.org"}
			for _, r := range allRequests() {
				if r.name == "link" || r.name == "undo-merge" || r.name == "keep-account" { // they belong to no flow
					continue
				}
				for _, thief := range []*traveller{foreign, forged} {
					if err := r.send(thief); !fault.Is(err, fault.NotFound) {
						t.Errorf("%s: %s %s of a foreign flow: %v", p.name, r.name, r.note, err)
					}
				}
			}
			if got := w.View(w.flow).Step; got != p.step {
				t.Errorf("%s: a foreign request moved it to %q", p.name, got)
			}
		}
	}, journeytest.WithoutRehearsal())
}

func TestAStrangerWithTheBrowserCookieAloneCannotFinish(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner := h.Active(address)
		f := owner.From(journeytest.Permits)
		if err := h.Signin.Decide(t.Context(), owner.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		owner.At(f, signin.StepFinish)
		thief := *owner
		thief.Session = ""
		thief.At(f, signin.StepSignIn)
	})
}

func TestAnEndedFlowStillKnowsItsService(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Licences)
		h.Clock.Advance(25 * time.Hour)
		v := b.View(f)
		if v.Step != signin.StepExpired || v.RelyingParty != journeytest.Licences {
			t.Errorf("%+v", v)
		}
		_, err := h.Signin.Password(t.Context(), b.Visitor, f, signin.PasswordForm{Address: address, Password: "x"})
		if !fault.Is(err, fault.Expired) {
			t.Errorf("%v", err)
		}
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Error("the fault is lost")
		}
	})
}
