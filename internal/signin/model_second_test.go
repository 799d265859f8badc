package signin_test

import (
	"math/rand/v2"
	"testing"

	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

const number = "+14165550134"

// secondPlaces are the states of the second step.
func secondPlaces() []place {
	aal2 := journeytest.Demand(policy.AAL2)
	// begin is somebody who has just proven the address, at a service that demands more.
	begin := func(h *journeytest.House, address string) *traveller {
		b := h.Active(address)
		return &traveller{Browser: b, h: h, flow: b.From(journeytest.Permits, aal2), address: address}
	}
	chosen := func(m policy.Method) func(h *journeytest.House, address string) *traveller {
		return func(h *journeytest.House, address string) *traveller {
			w := begin(h, address)
			w.SetUp(w.flow, m)
			return w
		}
	}
	return []place{
		{"second-step, guard", signin.StepSecond, func(h *journeytest.House, address string) *traveller {
			h.Active(address)
			b := h.Browser() // here the address was not proven
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, address, journeytest.Password)
			return &traveller{Browser: b, h: h, flow: f, address: address}
		}},
		{"second-step, app", signin.StepSecond, func(h *journeytest.House, address string) *traveller {
			b, seed := h.WithApp(address)
			return &traveller{Browser: b, h: h, flow: b.From(journeytest.Permits, aal2), address: address, seed: &seed}
		}},
		{"set-up-method", signin.StepSetUp, begin},
		{"set-up-app", signin.StepSetUpApp, chosen(policy.App)},
		{"set-up-phone", signin.StepSetUpPhone, chosen(policy.Text)},
		{"confirm-phone", signin.StepConfirmPhone, func(h *journeytest.House, address string) *traveller {
			w := chosen(policy.Text)(h, address)
			form := stepup.PhoneForm{Number: number, Channel: policy.Text, Suggest: "Phone"}
			if err := h.Stepup.Phone(h.T.Context(), w.Visitor, w.flow, form); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"set-up-backup", signin.StepSetUpBackup, chosen(policy.Backup)},
		{"set-up-another", signin.StepAnother, func(h *journeytest.House, address string) *traveller {
			w := chosen(policy.App)(h, address)
			w.BindApp(w.flow)
			return w
		}},
	}
}

// secondRequests are what a browser can send about the second step.
func secondRequests() []request {
	did := func(f func(w *traveller) (stepup.Result, error)) func(w *traveller) error {
		return func(w *traveller) error {
			r, err := f(w)
			w.Keep(r.Cookies)
			return err
		}
	}
	setUp := func(m policy.Method) func(w *traveller) error {
		return func(w *traveller) error { return w.h.Stepup.SetUp(w.h.T.Context(), w.Visitor, w.flow, m) }
	}
	another := func(wants bool) func(w *traveller) error {
		return func(w *traveller) error { return w.h.Stepup.Another(w.h.T.Context(), w.Visitor, w.flow, wants) }
	}
	return []request{
		{"send-code", "", func(w *traveller) error { return w.h.Stepup.Send(w.h.T.Context(), w.Visitor, w.flow) }},
		{"another-way", "e-mail", func(w *traveller) error {
			return w.h.Stepup.Choose(w.h.T.Context(), w.Visitor, w.flow, "email.")
		}},
		{"second-step", "right", did(func(w *traveller) (stepup.Result, error) {
			return w.h.Stepup.Prove(w.h.T.Context(), w.Visitor, w.flow, w.second(), true)
		})},
		{"second-step", "wrong", did(func(w *traveller) (stepup.Result, error) {
			return w.h.Stepup.Prove(w.h.T.Context(), w.Visitor, w.flow, "000000", true)
		})},
		{"lost-method", "send", func(w *traveller) error { return w.h.Reclaim.Send(w.h.T.Context(), w.Visitor, w.flow) }},
		{"lost-method", "recover", func(w *traveller) error {
			if err := w.h.Reclaim.Send(w.h.T.Context(), w.Visitor, w.flow); err != nil {
				return err
			}
			r, err := w.h.Reclaim.Prove(w.h.T.Context(), w.Visitor, w.flow, w.newest(w.address))
			w.Keep(r.Cookies)
			return err
		}},
		{"set-up-method", "app", setUp(policy.App)},
		{"set-up-method", "text", setUp(policy.Text)},
		{"set-up-method", "backup codes", setUp(policy.Backup)},
		{"set-up-method", "e-mail", setUp(policy.Email)},
		{"set-up-app", "right", did(func(w *traveller) (stepup.Result, error) {
			code := "000000"
			if d, err := w.h.Stepup.App(w.h.T.Context(), w.Visitor, w.flow); err == nil {
				code = w.h.AppCode(journeytest.Seed(w.h.T, d))
			}
			return w.h.Stepup.BindApp(w.h.T.Context(), w.Visitor, w.flow, code, "", "App")
		})},
		{"set-up-app", "wrong", did(func(w *traveller) (stepup.Result, error) {
			return w.h.Stepup.BindApp(w.h.T.Context(), w.Visitor, w.flow, "000000", "", "App")
		})},
		{"set-up-phone", "", func(w *traveller) error {
			form := stepup.PhoneForm{Number: number, Channel: policy.Text, Suggest: "Phone"}
			return w.h.Stepup.Phone(w.h.T.Context(), w.Visitor, w.flow, form)
		}},
		{"confirm-phone", "right", did(func(w *traveller) (stepup.Result, error) {
			return w.h.Stepup.BindPhone(w.h.T.Context(), w.Visitor, w.flow, w.newest(number))
		})},
		{"confirm-phone", "wrong", did(func(w *traveller) (stepup.Result, error) {
			return w.h.Stepup.BindPhone(w.h.T.Context(), w.Visitor, w.flow, "000000")
		})},
		{"set-up-backup", "", did(func(w *traveller) (stepup.Result, error) {
			_, _ = w.h.Stepup.Backup(w.h.T.Context(), w.Visitor, w.flow)
			return w.h.Stepup.BindBackup(w.h.T.Context(), w.Visitor, w.flow)
		})},
		{"back", "", func(w *traveller) error { return w.h.Stepup.Back(w.h.T.Context(), w.Visitor, w.flow) }},
		{"another", "wanted", another(true)},
		{"another", "not now", another(false)},
	}
}

// second is the right code for the second step, as far as the traveller can know it.
func (w *traveller) second() string {
	if w.seed != nil {
		return w.h.AppCode(*w.seed)
	}
	return w.newest(w.address)
}

// newest is the newest code sent to an address or number, else one that is wrong.
func (w *traveller) newest(to string) string {
	for _, l := range w.h.Letters(to) {
		if l.Kind == "one-time-code" {
			return l.Codes[0]
		}
	}
	return "123456"
}

// Whatever is sent in whatever order: no journey is over, and no agreement is asked
// for, before the session holds the facts that its demand needs.
func TestNoWanderingEndsWithoutItsFacts(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		random := rand.New(rand.NewPCG(3, 4))
		all, sends := secondPlaces(), allRequests()
		walks, ends := 60, 0
		if h.DB.Engine() == db.PostgreSQL {
			walks = 15
		}
		for n := range walks {
			w := all[random.IntN(len(all))].make(h, name(n))
			for range 25 {
				err := sends[random.IntN(len(sends))].send(w)
				if err != nil && fault.KindOf(err) == fault.Internal {
					t.Fatal(err)
				}
				h.Clock.Advance(totp.Period)
				v := w.View(w.flow)
				if v.Step != signin.StepFinish && v.Step != signin.StepConsent {
					continue
				}
				ends++
				if got := h.Table.Level(w.Live().Facts); got < policy.AAL2 {
					t.Fatalf("%s is reached with %v", v.Step, got)
				}
			}
		}
		if ends == 0 {
			t.Error("no walk came to its end: nothing was tested")
		}
	}, journeytest.WithoutRehearsal())
}

func name(n int) string {
	return "wanderer." + string(rune('a'+n/26)) + string(rune('a'+n%26)) + "@example.org"
}
