package reclaim

import (
	"context"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/otp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// View is what the page lost-method shows.
type View struct {
	Methods []Method      // what would be set aside
	Target  string        // where the code goes, masked
	Sent    *Sent         // the code on its way; nil: none is
	Wait    time.Duration // how long the recovery would wait; 0: not at all
	Cooling time.Duration // how long what is set up afterwards does not count in full
	Open    time.Duration // how long the link works after the wait
	Told    Told          // who is told
	Pending *lost.Request // a recovery that waits already; nil for none
}

// Method is a method that somebody may have lost.
type Method struct {
	Type   authenticator.Type
	Name   string // given by the owner
	Target string // masked number
}

// Sent is a code on its way.
type Sent struct {
	At   time.Time
	Ends time.Time
}

// Told counts where the owner is told.
type Told struct {
	Addresses int // confirmed e-mail addresses
	Numbers   int // telephone numbers that take texts
}

// Look is what the page lost-method shows. Fault Conflict when no second step is due that
// a lost method could prove.
func (j *Journey) Look(ctx context.Context, v flow.Visitor, fid id.Flow) (View, error) {
	var out View
	err := j.look(ctx, v, fid, func(tx *db.Tx, s scene) (err error) {
		out = View{Cooling: j.Table.CoolingOff(), Open: j.Table.RecoveryOpen()}
		if out.Methods, err = j.losable(tx, s); err != nil {
			return err
		}
		to, err := j.Accounts.Mailbox(tx, s.owner.ID)
		if err != nil {
			return err
		}
		out.Target = to.Masked()
		if out.Wait, err = j.wait(tx, s); err != nil {
			return err
		}
		r, err := j.recipients(tx, s.owner.ID)
		if err != nil {
			return err
		}
		out.Told = Told{Addresses: len(r.addresses), Numbers: len(r.numbers)}
		pending, found, err := j.Requests.Open(tx, s.owner.ID)
		if err != nil {
			return err
		}
		if stage := pending.Stage(s.now); found && (stage == lost.Waiting || stage == lost.Ready) {
			out.Pending = &pending
		}
		if email := s.email(); email.ID != "" {
			p, found, err := j.Codes.Pending(tx, s.binding(email.ID))
			if err != nil {
				return err
			}
			if found && p.Live {
				out.Sent = &Sent{At: p.SentAt, Ends: p.ExpiresAt}
			}
		}
		return nil
	})
	return out, err
}

// losable are the methods of an account that would be set aside.
func (j *Journey) losable(tx *db.Tx, s scene) ([]Method, error) {
	numbers, err := j.Phones.Every(tx, s.owner.ID)
	if err != nil {
		return nil, err
	}
	var out []Method
	for _, a := range authenticator.Of(s.list, authenticator.TOTP, authenticator.Phone, authenticator.Passkey, authenticator.BackupCode) {
		m := Method{Type: a.Type, Name: a.Name}
		for _, p := range numbers {
			if p.ID == a.ID {
				m.Target = p.Number.Masked()
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// recipients are where the owner of an account is told something that matters.
type recipients struct {
	locale    string
	addresses []account.Addr // confirmed, the main one first
	numbers   []string       // E.164, that take texts
}

// recipients reads them: every confirmed address, and every number that is or was a method
// of the account, those that are set aside, too; and what was removed lately by somebody
// who took a change to an address back (account.Witnesses).
func (j *Journey) recipients(tx *db.Tx, owner id.Account) (recipients, error) {
	a, found, err := j.Accounts.ByID(tx, owner)
	if err != nil || !found {
		return recipients{}, err
	}
	out := recipients{locale: a.Locale}
	all, err := j.Accounts.Addresses(tx, owner)
	if err != nil {
		return recipients{}, err
	}
	for _, e := range all {
		if e.Main || !e.ProvenAt.IsZero() {
			out.addresses = append(out.addresses, e.Address)
		}
	}
	removed, err := j.Accounts.Witnesses(tx, owner)
	if err != nil {
		return recipients{}, err
	}
	for _, w := range removed.Addresses {
		if !slices.ContainsFunc(out.addresses, func(own account.Addr) bool { return own.Key == w.Key }) {
			out.addresses = append(out.addresses, w)
		}
	}
	if !j.Outbox.Can(notice.Text) {
		return out, nil
	}
	numbers, err := j.Phones.Every(tx, owner)
	if err != nil {
		return recipients{}, err
	}
	for _, p := range numbers {
		if p.Can(otp.Text) {
			out.numbers = append(out.numbers, p.Number.E164())
		}
	}
	for _, n := range removed.Numbers {
		if !slices.Contains(out.numbers, n) {
			out.numbers = append(out.numbers, n)
		}
	}
	return out, nil
}
