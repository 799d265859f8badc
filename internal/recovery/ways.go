package recovery

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// Ways answers by mail how somebody can sign in. The answer here and the work are the
// same whatever is known of the address: one event, one mail, to the address that was
// typed or, as it was first written, to that of its account (C.5 61). Only who reads the
// mail learns what is known. The journey goes on at its sign-in page. Faults: Invalid on
// "email", Throttled, Conflict when the flow no longer asks who the person is.
func (j *Journey) Ways(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) error {
	addr, err := account.ParseAddress(typed)
	if err != nil {
		return err
	}
	proofs := j.proving()
	looked, err := proofs.Look(ctx, v, fid)
	if err != nil {
		return err
	}
	service, err := j.Registry.Find(ctx, looked.RelyingParty)
	if err != nil {
		return fmt.Errorf("recovery: ways: %w", err)
	}
	admitted, err := proofs.Admit(ctx, v, addr, proving.Limits{IP: ratelimit.WaysIP, Address: ratelimit.WaysAddress})
	if err != nil {
		return err
	}
	names, err := j.issuerNames(ctx)
	if err != nil {
		return err
	}
	undo := secret.NewToken()
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := proofs.Load(tx, v, fid, false)
		if err != nil {
			return err
		}
		w, err := j.waysOf(tx, addr, names, undo)
		if err != nil {
			return err
		}
		e := f.Event(audit.SigninWaysRequested, v, w.account.ID, "")
		if w.account.Held() {
			e.Personal.Address = addr.Written
		}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
		m := w.message(v, service.InMail(), notice.AskedBy(v.UserAgent, tx.Now()))
		admitted.Hold(tx, &m)
		if err := j.Outbox.Queue(tx, m); err != nil {
			return err
		}
		f.State.Progress = f.State.Progress.Restart(flow.TaskSignIn, addr.Written)
		_, err = j.Flows.Save(tx, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("recovery: ways: %w", err)
	}
	return nil
}

// issuerNames are what people call the sign-in partners, by issuer.
func (j *Journey) issuerNames(ctx context.Context) (map[string]i18n.Text, error) {
	all, err := j.Upstreams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("recovery: ways: %w", err)
	}
	out := make(map[string]i18n.Text, len(all))
	for _, p := range all {
		out[p.Issuer] = p.Name
	}
	return out, nil
}

// ways are the doors of the account of an address.
type ways struct {
	to       account.Addr
	account  account.Account // zero when nobody has the address
	password bool
	partners []i18n.Text
	kept     account.Reservation // of an address that nobody has, and that an account had
	undo     string              // secret of the link that takes that back
}

// waysOf reads the same of every address. A partner that was taken out of the
// configuration opens nothing and is not named.
func (j *Journey) waysOf(tx *db.Tx, addr account.Addr, names map[string]i18n.Text, undo string) (ways, error) {
	out := ways{to: addr, undo: undo}
	a, _, err := j.Accounts.ByAddress(tx, addr)
	if err != nil {
		return out, err
	}
	kept, err := j.Accounts.Remind(tx, addr, a.ID, undo)
	if err != nil {
		return out, err
	}
	if kept.Kept() && !a.Held() {
		a, out.kept, out.to = account.Account{}, kept, kept.Address
	}
	out.account = a
	own, found, err := j.Accounts.Typed(tx, a.ID, addr)
	if err != nil {
		return out, err
	}
	if found {
		out.to = own.Address
	}
	if _, out.password, err = j.Passwords.Get(tx, a.ID); err != nil {
		return out, err
	}
	links, err := j.Links.List(tx, a.ID)
	if err != nil {
		return out, err
	}
	told := map[string]bool{}
	for _, l := range links {
		if name, known := names[l.Issuer]; known && !told[l.Issuer] {
			told[l.Issuer] = true
			out.partners = append(out.partners, name)
		}
	}
	return out, nil
}

// message is the one mail that fits.
func (w ways) message(v flow.Visitor, service notice.Service, asked notice.Asked) notify.Message {
	m := notify.Message{To: w.to.Written, Locale: v.Locale, Account: w.account.ID}
	if w.kept.Kept() {
		m.Account, m.Locale, m.Data = w.kept.Account, w.kept.Locale, inMail(w.kept, w.undo, asked)
		return m
	}
	if !w.account.Held() {
		m.Data = notice.WaysNoAccount{Service: service, Pending: w.account.Status == account.Pending, Asked: asked}
		return m
	}
	m.Locale = w.account.Locale
	m.Data = notice.WaysIn{Service: service, Password: w.password, Partners: w.partners, Asked: asked}
	return m
}
