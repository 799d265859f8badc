package journeytest

import (
	"path"
	"strings"

	"parvis/internal/db"
	"parvis/internal/enrollment"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/proving"
	"parvis/internal/secret"
	"parvis/internal/signin"
)

// Browser is a person with a browser of their own.
type Browser struct {
	flow.Visitor

	h *House
}

// Browser opens a new browser.
func (h *House) Browser() *Browser {
	return &Browser{h: h, Visitor: flow.Visitor{
		Browser: secret.Digest(secret.NewToken()), IP: "192.0.2.7", UserAgent: "Mozilla/5.0 Firefox/140.0", Locale: "en",
	}}
}

// Keep takes the cookies of an answer.
func (b *Browser) Keep(c flow.Cookies) {
	if c.Session != "" {
		b.Session = c.Session
	}
	if c.Device != "" {
		b.Device = c.Device
	}
}

// From begins a flow as the request of a service does.
func (b *Browser) From(rp id.RelyingParty, change ...func(*flow.State)) id.Flow {
	b.h.T.Helper()
	s := flow.State{Kind: flow.SignIn, Finish: "/authorize/finish/x", CancelPath: "/authorize/cancel/x"}
	if rp == Licences {
		s.Attributes = []string{"email", "locale"}
	}
	for _, c := range change {
		c(&s)
	}
	n := flow.Prepare(rp, s)
	err := b.h.DB.WriteStatement(b.h.T.Context(), func(tx *db.Tx) error {
		_, err := b.h.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		b.h.T.Fatal(err)
	}
	b.View(n.ID)
	return n.ID
}

// ForceLogin is the change of a request with prompt=login.
func ForceLogin(s *flow.State) { s.Demand = policy.Demand{ForceLogin: true} }

// Direct begins a flow without a service.
func (b *Browser) Direct() id.Flow {
	b.h.T.Helper()
	f := must[id.Flow](b.h.T)(b.h.Signin.Start(b.h.T.Context(), b.Visitor, signin.Starts{}))
	b.View(f)
	return f
}

// View is what the dispatcher sees.
func (b *Browser) View(f id.Flow) signin.View {
	b.h.T.Helper()
	return must[signin.View](b.h.T)(b.h.Signin.Open(b.h.T.Context(), b.Visitor, f))
}

// At fails the test when the dispatcher names another step.
func (b *Browser) At(f id.Flow, want signin.Step) {
	b.h.T.Helper()
	if got := b.View(f).Step; got != want {
		b.h.T.Fatalf("the dispatcher names %q, want %q", got, want)
	}
}

// Create enters an address as new.
func (b *Browser) Create(f id.Flow, address string) proving.Result {
	b.h.T.Helper()
	form := enrollment.AddressForm{Address: address, Locale: b.Locale, Terms: true}
	return must[proving.Result](b.h.T)(b.h.Enroll.Address(b.h.T.Context(), b.Visitor, f, form))
}

// SignIn tries a password.
func (b *Browser) SignIn(f id.Flow, address, password string) signin.Result {
	b.h.T.Helper()
	form := signin.PasswordForm{Address: address, Password: password}
	r := must[signin.Result](b.h.T)(b.h.Signin.Password(b.h.T.Context(), b.Visitor, f, form))
	b.Keep(r.Cookies)
	return r
}

// Activate presses the button of an activation link.
func (b *Browser) Activate(token string) proving.Result {
	b.h.T.Helper()
	return must[proving.Result](b.h.T)(b.h.Enroll.ConfirmLink(b.h.T.Context(), b.Visitor, token))
}

// Choose chooses the first password.
func (b *Browser) Choose(f id.Flow, password string) enrollment.Result {
	b.h.T.Helper()
	r := must[enrollment.Result](b.h.T)(b.h.Enroll.Password(b.h.T.Context(), b.Visitor, f, password))
	b.Keep(r.Cookies)
	return r
}

// Reset asks for a new password.
func (b *Browser) Reset(f id.Flow, address string) proving.Result {
	b.h.T.Helper()
	return must[proving.Result](b.h.T)(b.h.Recovery.Reset(b.h.T.Context(), b.Visitor, f, address))
}

// Unlock asks for the lock to be lifted.
func (b *Browser) Unlock(f id.Flow, address string) proving.Result {
	b.h.T.Helper()
	return must[proving.Result](b.h.T)(b.h.Recovery.Unlock(b.h.T.Context(), b.Visitor, f, address))
}

// Recover presses the button of a reset or unlock link.
func (b *Browser) Recover(token string) proving.Result {
	b.h.T.Helper()
	return must[proving.Result](b.h.T)(b.h.Recovery.ConfirmLink(b.h.T.Context(), b.Visitor, token))
}

// Link opens a mailed link.
func (b *Browser) Link(token string) signin.Link {
	b.h.T.Helper()
	return must[signin.Link](b.h.T)(b.h.Signin.OpenLink(b.h.T.Context(), b.Visitor, token))
}

// Token is the secret of the link in a letter, "" when it has none.
func Token(l notice.Letter) string {
	for _, link := range l.Links {
		if i := strings.Index(link, "/link/"); i >= 0 {
			return path.Base(strings.SplitN(link[i:], "?", 2)[0])
		}
	}
	return ""
}

// Latest is the newest letter to an address; the test fails without one.
func (h *House) Latest(address string) notice.Letter {
	h.T.Helper()
	all := h.Letters(address)
	if len(all) == 0 {
		h.T.Fatalf("no letter to %s", address)
	}
	return all[0]
}

// Active makes an active account with Password, in a browser of its own.
func (h *House) Active(address string) *Browser {
	h.T.Helper()
	b := h.Browser()
	f := b.Direct()
	b.Create(f, address)
	b.Activate(Token(h.Latest(address)))
	b.Choose(f, Password)
	return b
}

// Pending makes an account that waits for its activation.
func (h *House) Pending(address string) *Browser {
	h.T.Helper()
	b := h.Browser()
	b.Create(b.Direct(), address)
	return b
}

// Lock locks the password route of an address with wrong passwords of strangers.
func (h *House) Lock(address string) {
	h.T.Helper()
	b := h.Browser()
	f := b.Direct()
	for range h.Attempts.Settings.MaxFailures {
		b.SignIn(f, address, "not the password at all")
	}
}
