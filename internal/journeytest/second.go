package journeytest

import (
	"strings"
	"testing"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/stepup"
)

// Demand is the change of a request that wants a level.
func Demand(l policy.Level) func(*flow.State) {
	return func(s *flow.State) { s.Demand.Level = l }
}

// Enter types a code at the second step that is due.
func (b *Browser) Enter(f id.Flow, code string) stepup.Result {
	b.h.T.Helper()
	return b.EnterAndKeep(f, code, false)
}

// EnterAndKeep is Enter, and says whether the browser is to be remembered.
func (b *Browser) EnterAndKeep(f id.Flow, code string, keep bool) stepup.Result {
	b.h.T.Helper()
	r := must[stepup.Result](b.h.T)(b.h.Stepup.Prove(b.h.T.Context(), b.Visitor, f, code, keep))
	b.Keep(r.Cookies)
	return r
}

// Ask lets the code of the method that is due be sent, and reads it where it arrived.
func (b *Browser) Ask(f id.Flow, to string) string {
	b.h.T.Helper()
	if err := b.h.Stepup.Send(b.h.T.Context(), b.Visitor, f); err != nil {
		b.h.T.Fatal(err)
	}
	return b.h.Code(to)
}

// Code is the newest one-time code that was sent to an address or number.
func (h *House) Code(to string) string {
	h.T.Helper()
	for _, l := range h.Letters(to) {
		if l.Kind == notice.KindOneTimeCode {
			return l.Codes[0]
		}
	}
	h.T.Fatalf("no code was sent to %s", to)
	return ""
}

// SetUp chooses a method to set up.
func (b *Browser) SetUp(f id.Flow, m policy.Method) {
	b.h.T.Helper()
	if err := b.h.Stepup.SetUp(b.h.T.Context(), b.Visitor, f, m); err != nil {
		b.h.T.Fatal(err)
	}
}

// BindApp sets up the authenticator app that was chosen in a flow.
func (b *Browser) BindApp(f id.Flow) totp.Seed {
	b.h.T.Helper()
	draft := must[stepup.AppDraft](b.h.T)(b.h.Stepup.App(b.h.T.Context(), b.Visitor, f))
	seed := Seed(b.h.T, draft)
	r := must[stepup.Result](b.h.T)(b.h.Stepup.BindApp(b.h.T.Context(), b.Visitor, f, b.h.AppCode(seed), "", "App"))
	if r.Outcome != stepup.Done {
		b.h.T.Fatalf("the app was not bound: %+v", r)
	}
	b.Keep(r.Cookies)
	return seed
}

// Seed is the secret of an app that is being set up, as it is typed.
func Seed(t testing.TB, d stepup.AppDraft) totp.Seed {
	t.Helper()
	return must[totp.Seed](t)(totp.ParseSeed(strings.Join(d.Key, "")))
}

// AppCode is what the app of a seed shows now.
func (h *House) AppCode(seed totp.Seed) string {
	h.T.Helper()
	return must[string](h.T)(seed.Code(h.Clock.Now()))
}

// WithApp makes an active account with an authenticator app, in a browser of its
// own that is signed in.
func (h *House) WithApp(address string) (*Browser, totp.Seed) {
	h.T.Helper()
	b := h.Active(address)
	d := totp.Prepare()
	err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, b.Live().Account, d, "App", 0) })
	if err != nil {
		h.T.Fatal(err)
	}
	return b, d.Seed
}

// Live is the session of the browser.
func (b *Browser) Live() session.Session {
	b.h.T.Helper()
	var s session.Session
	err := b.h.DB.Read(b.h.T.Context(), func(tx *db.Tx) (err error) {
		s, err = b.h.Sessions.FindLive(tx, b.Session)
		return err
	})
	if err != nil {
		b.h.T.Fatal(err)
	}
	return s
}

// Bound are the authenticators of the account that is signed in.
func (b *Browser) Bound() []authenticator.Authenticator {
	b.h.T.Helper()
	var out []authenticator.Authenticator
	err := b.h.DB.Read(b.h.T.Context(), func(tx *db.Tx) (err error) {
		out, err = authenticator.List(tx, b.Live().Account)
		return err
	})
	if err != nil {
		b.h.T.Fatal(err)
	}
	return out
}
