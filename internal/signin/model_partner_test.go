package signin_test

import (
	"net/url"

	"parvis/internal/journeytest"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// partnerPlaces are the states of a sign-in at a partner.
func partnerPlaces() []place {
	begin := func(h *journeytest.House, address string) *traveller {
		b := h.Browser()
		return &traveller{Browser: b, h: h, flow: b.From(journeytest.Permits), address: address}
	}
	adds := func(h *journeytest.House, address string) *traveller {
		b := h.Active(address)
		f, err := h.Signin.PartnerAdd(h.T.Context(), b.Visitor, journeytest.BankID)
		if err != nil {
			h.T.Fatal(err)
		}
		h.Bank.Comes("customer of " + address)
		w := &traveller{Browser: b, h: h, flow: f, address: address}
		w.answer = w.Answer(f)
		return w
	}
	return []place{
		{"adding-partner", signin.StepAddHandOff, adds},
		{"partner-not-added", signin.StepAddFailed, func(h *journeytest.House, address string) *traveller {
			w := adds(h, address)
			h.Bank.Fails(upstream.Cancelled)
			if _, _, err := w.FromBank(w.answer); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"add-partner", signin.StepAddLink, func(h *journeytest.House, address string) *traveller {
			w := adds(h, address)
			if _, _, err := w.FromBank(w.answer); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"partner-hand-off", signin.StepHandOff, func(h *journeytest.House, address string) *traveller {
			h.Active(address)
			w := begin(h, address)
			h.Bank.Comes("customer of " + address)
			w.answer = w.ToBank(w.flow)
			return w
		}},
		{"partner-problem", signin.StepPartnerFailed, func(h *journeytest.House, address string) *traveller {
			h.Active(address)
			w := begin(h, address)
			answer := w.ToBank(w.flow)
			h.Bank.Fails(upstream.Cancelled)
			if _, _, err := w.FromBank(answer); err != nil {
				h.T.Fatal(err)
			}
			return w
		}},
		{"partner-account", signin.StepPartnerNew, func(h *journeytest.House, address string) *traveller {
			h.Active(address)
			w := begin(h, address)
			w.AtBank(w.flow, "customer of "+address)
			return w
		}},
		{"partner-create", signin.StepPartnerCreate, func(h *journeytest.House, address string) *traveller {
			w := begin(h, address)
			w.AtBank(w.flow, "customer of "+address)
			w.Create(w.flow, address)
			token, _ := w.held()
			w.Activate(token)
			return w
		}},
		{"partner-hand-off, to create an account", signin.StepHandOff, func(h *journeytest.House, address string) *traveller {
			return creating(h, address, "")
		}},
		{"partner-problem, to create an account", signin.StepPartnerFailed, func(h *journeytest.House, address string) *traveller {
			return creating(h, address, upstream.Slow)
		}},
		{"partner-hand-off, to link it", signin.StepHandOff, func(h *journeytest.House, address string) *traveller { return linking(h, address, "") }},
		{"partner-problem, to link it", signin.StepPartnerFailed, func(h *journeytest.House, address string) *traveller {
			return linking(h, address, upstream.Slow)
		}},
		{"partner-link", signin.StepPartnerLink, func(h *journeytest.House, address string) *traveller {
			h.Active(address)
			w := begin(h, address)
			w.AtBank(w.flow, "customer of "+address)
			w.SignIn(w.flow, address, journeytest.Password)
			w.Enter(w.flow, w.Ask(w.flow, address))
			return w
		}},
	}
}

// creating is somebody who signs in at the partner once more, to create an account.
func creating(h *journeytest.House, address string, fails upstream.Failure) *traveller {
	b := h.Browser()
	w := &traveller{Browser: b, h: h, flow: b.From(journeytest.Permits), address: address}
	w.AtBank(w.flow, "customer of "+address)
	w.Create(w.flow, address)
	token, _ := w.held()
	w.Activate(token)
	w.answer = w.ToBank(w.flow)
	if fails == "" {
		return w
	}
	h.Bank.Fails(fails)
	if _, _, err := w.FromBank(w.answer); err != nil {
		h.T.Fatal(err)
	}
	return w
}

// linking is somebody who signs in at the partner once more, to link it.
func linking(h *journeytest.House, address string, fails upstream.Failure) *traveller {
	h.Active(address)
	b := h.Browser()
	w := &traveller{Browser: b, h: h, flow: b.From(journeytest.Permits), address: address}
	w.AtBank(w.flow, "customer of "+address)
	w.SignIn(w.flow, address, journeytest.Password)
	w.Enter(w.flow, w.Ask(w.flow, address))
	if err := h.Signin.PartnerLink(h.T.Context(), w.Visitor, w.flow, true); err != nil {
		h.T.Fatal(err)
	}
	w.answer = w.Answer(w.flow)
	if fails == "" {
		return w
	}
	h.Bank.Fails(fails)
	if _, _, err := w.FromBank(w.answer); err != nil {
		h.T.Fatal(err)
	}
	return w
}

// partnerRequests are what a browser can send about a sign-in at a partner.
func partnerRequests() []request {
	link := func(yes bool) func(w *traveller) error {
		return func(w *traveller) error { return w.h.Signin.PartnerLink(w.h.T.Context(), w.Visitor, w.flow, yes) }
	}
	add := func(yes bool) func(w *traveller) error {
		return func(w *traveller) error { return w.h.Signin.PartnerAddLink(w.h.T.Context(), w.Visitor, w.flow, yes) }
	}
	return []request{
		{"partner", "", func(w *traveller) error {
			return w.h.Signin.Partner(w.h.T.Context(), w.Visitor, w.flow, journeytest.BankID)
		}},
		{"partner-return", "", func(w *traveller) error {
			answer := w.answer
			if answer.Params == nil {
				answer.Params = url.Values{"state": {"none"}}
			}
			_, _, err := w.FromBank(answer)
			return err
		}},
		{"partner-back", "", func(w *traveller) error { return w.h.Signin.PartnerBack(w.h.T.Context(), w.Visitor, w.flow) }},
		{"partner-create", "", func(w *traveller) error {
			r, err := w.h.Enroll.Partner(w.h.T.Context(), w.Visitor, w.flow)
			w.Keep(r.Cookies)
			return err
		}},
		{"add-again", "", func(w *traveller) error { return w.h.Signin.PartnerAddAgain(w.h.T.Context(), w.Visitor, w.flow) }},
		{"add-back", "", func(w *traveller) error { return w.h.Signin.PartnerAddBack(w.h.T.Context(), w.Visitor, w.flow) }},
		{"add-partner", "yes", add(true)},
		{"add-partner", "no", add(false)},
		{"partner-link", "yes", link(true)},
		{"partner-link", "no", link(false)},
	}
}
