package merging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
)

// Side is what the page of a merging shows of one account.
type Side struct {
	Account   id.Account
	Addresses []string  // as written, the main one first: both were proven
	Since     time.Time // when it was activated
	Password  bool
	Methods   int       // of the second step
	Partners  []Partner // sign-in partners that are linked

	Services []*relyingparty.RelyingParty // connected services, as the registry lists them
	Gone     int                          // connected services that it does not know any more
}

// Shared is one identifier that services know: those of one sector know it together.
type Shared struct {
	Sector   string
	Services []*relyingparty.RelyingParty // registered services of the sector, those first that either account is connected to
	LastUsed [2]time.Time                 // at one of them, by the account that stays and by the other; zero: never
}

// Plan is what a person confirms.
type Plan struct {
	First, Second Side
	Choose        []Shared  // sectors that know both accounts: the person says which identifier stays
	Carried       []Shared  // sectors that know the second account only: it is carried over
	Moving        []Partner // sign-in partners of the second account that lead to the first one when the time to undo is over
	UndoFor       time.Duration
}

// Keep says which of two identifiers answers from now on.
type Keep string

// What can be kept.
const (
	KeepFirst  Keep = "first"  // that of the account that stays
	KeepSecond Keep = "second" // that of the other one
)

// Why says why two accounts cannot be merged now; "" for another fault.
type Why string

// The reasons.
const (
	HeldEnded Why = "error.merge.held"    // the account that stays is signed out, or was proven or set aside too long ago: begin anew
	Moved     Why = "error.merge.address" // an address of one was changed lately: it can still be taken back
	Same      Why = "error.merge.same"    // both are one account
	Busy      Why = "error.merge.pending" // one of them is in another merging
)

// Cause is the reason in a fault of Plan or Confirm.
func Cause(err error) Why {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ""
	}
	switch why := Why(e.Key); why {
	case HeldEnded, Same, Busy, Moved:
		return why
	default:
		return ""
	}
}

// proofs reads both accounts of a browser that holds both sessions. Fault Denied when
// one of them is nobody's any more or its proofs are not fresh, Conflict when both are
// one account (error.merge.same), or one is in another merging (error.merge.pending), or an address of one was changed so
// lately that it can still be taken back (error.merge.address).
func (j *Journey) proofs(tx *db.Tx, held string, v flow.Visitor) (first, second side, err error) {
	if held == "" || v.Session == "" {
		return side{}, side{}, errNobody()
	}
	first, waits, err := j.aside(tx, held)
	if err != nil {
		return side{}, side{}, err
	}
	if !waits || first.owner.Status != account.Active || !j.fresh(first, tx.Now()) {
		return side{}, side{}, fault.New(fault.Denied, string(HeldEnded))
	}
	if second, err = j.active(tx, v.Session); err != nil {
		return side{}, side{}, err
	}
	if first.owner.ID == second.owner.ID {
		return side{}, side{}, fault.New(fault.Conflict, string(Same))
	}
	for _, a := range []id.Account{first.owner.ID, second.owner.ID} {
		if err := j.free(tx, a); err != nil {
			return side{}, side{}, err
		}
		// Whoever changed an address may have been somebody else, whom its owner can still
		// stop; what was merged by then would be out of the owner's reach.
		changing, err := j.Accounts.Changing(tx, a)
		if err != nil {
			return side{}, side{}, err
		}
		if changing {
			return side{}, side{}, fault.New(fault.Conflict, string(Moved))
		}
	}
	return first, second, nil
}

// Plan shows a browser that holds the sessions of both accounts what merging them would
// do. held is the session of the account that stays, the visitor's own that of the
// other. It changes nothing.
func (j *Journey) Plan(ctx context.Context, held string, v flow.Visitor) (Plan, error) {
	parties, err := j.Registry.List(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("merging: plan: %w", err)
	}
	named, err := j.names(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("merging: plan: %w", err)
	}
	out := Plan{UndoFor: j.Merges.Settings.MergeUndo}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		first, second, err := j.proofs(tx, held, v)
		if err != nil {
			return err
		}
		var used [2][]connection.Connection
		for i, s := range []side{first, second} {
			shown, list, err := j.show(tx, named, s)
			if err != nil {
				return err
			}
			shown.Services, shown.Gone = known(parties, list)
			used[i] = list
			if i == 0 {
				out.First = shown
			} else {
				out.Second = shown
			}
		}
		choose, carried, err := j.sectors(tx, first.owner.ID, second.owner.ID)
		if err != nil {
			return err
		}
		out.Choose, out.Carried = shared(choose, parties, used), shared(carried, parties, used)
		out.Moving, err = j.moving(tx, named, second.owner.ID, first.owner.ID)
		return err
	})
	if err != nil {
		return Plan{}, fmt.Errorf("merging: plan: %w", err)
	}
	return out, nil
}

// sectors are those that know both accounts, and those that know the second one only.
func (j *Journey) sectors(tx *db.Tx, first, second id.Account) (choose, carried []string, err error) {
	ours, err := j.Connections.Subjects(tx, first)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := j.Connections.Subjects(tx, second)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range theirs {
		if slices.ContainsFunc(ours, func(o connection.Known) bool { return o.Sector == k.Sector }) {
			choose = append(choose, k.Sector)
		} else {
			carried = append(carried, k.Sector)
		}
	}
	return choose, carried, nil
}

// show is what the page says of one account.
func (j *Journey) show(tx *db.Tx, named names, s side) (Side, []connection.Connection, error) {
	out := Side{Account: s.owner.ID, Since: s.owner.ActivatedAt}
	addresses, err := j.Accounts.Addresses(tx, s.owner.ID)
	if err != nil {
		return Side{}, nil, err
	}
	for _, a := range addresses {
		out.Addresses = append(out.Addresses, a.Address.Written)
	}
	out.Password = len(authenticator.Of(s.list, authenticator.Password)) > 0
	out.Methods = len(authenticator.Of(s.list, authenticator.TOTP, authenticator.Phone, authenticator.Passkey, authenticator.BackupCode))
	links, err := j.Links.List(tx, s.owner.ID)
	if err != nil {
		return Side{}, nil, err
	}
	out.Partners = named.of(links)
	list, err := j.Connections.List(tx, s.owner.ID)
	return out, list, err
}

// known are the services of connections, and how many of them the registry lacks.
func known(parties []*relyingparty.RelyingParty, list []connection.Connection) (out []*relyingparty.RelyingParty, gone int) {
	for _, p := range parties {
		if slices.ContainsFunc(list, func(c connection.Connection) bool { return c.RelyingParty == p.ID }) {
			out = append(out, p)
		}
	}
	return out, len(list) - len(out)
}

// shared finds the services of sectors, and when each account used one of them last.
func shared(sectors []string, parties []*relyingparty.RelyingParty, used [2][]connection.Connection) []Shared {
	var out []Shared
	for _, sector := range sectors {
		s := Shared{Sector: sector}
		var rest []*relyingparty.RelyingParty
		for _, p := range parties {
			if p.Sector != sector {
				continue
			}
			connected := false
			for i, list := range used {
				for _, c := range list {
					if c.RelyingParty == p.ID {
						connected = true
						if c.LastUsed.After(s.LastUsed[i]) {
							s.LastUsed[i] = c.LastUsed
						}
					}
				}
			}
			if connected {
				s.Services = append(s.Services, p)
			} else {
				rest = append(rest, p)
			}
		}
		if len(s.Services) == 0 {
			s.Services = rest
		}
		out = append(out, s)
	}
	return out
}

// Merging is a merging as the owner of one of its accounts sees it.
type Merging struct {
	Status Status
	Second bool   // the owner is that of the account that is suspended
	Other  string // address of the other account, masked; "" when it has none any more
	At     time.Time
	Until  time.Time // until when it can be undone

	Partners []Partner // sign-in partners of the suspended account that lead to the other one after that; of Own only
}

// Status says what became of a merging.
type Status string

// The statuses.
const (
	None     Status = ""         // there is no such merging, or it ended long ago
	Open     Status = "open"     // it can be undone
	Undone   Status = "undone"   // it was undone
	Finished Status = "finished" // its time is over
)

func statusOf(m account.Merge, now time.Time) Status {
	switch {
	case m.Outcome == account.Undone:
		return Undone
	case m.Outcome == account.Finished, !now.Before(m.EndsAt):
		return Finished
	default:
		return Open
	}
}

// Own is the merging of the account that is signed in, of either side. Fault Denied when
// nobody is.
func (j *Journey) Own(ctx context.Context, v flow.Visitor) (Merging, error) {
	var out Merging
	named, err := j.names(ctx)
	if err != nil {
		return Merging{}, fmt.Errorf("merging: %w", err)
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Merging{}
		s, found, err := j.side(tx, v.Session)
		if err != nil {
			return err
		}
		if !found {
			return errNobody()
		}
		m, found, err := j.Merges.Pending(tx, s.owner.ID)
		if err != nil || !found {
			return err
		}
		if out, err = j.merging(tx, m, s.owner.ID); err != nil {
			return err
		}
		out.Partners, err = j.moving(tx, named, m.Second, m.Survivor)
		return err
	})
	if err != nil {
		return Merging{}, fmt.Errorf("merging: %w", err)
	}
	return out, nil
}

// merging is a merging as one account sees it.
func (j *Journey) merging(tx *db.Tx, m account.Merge, own id.Account) (Merging, error) {
	out := Merging{Status: statusOf(m, tx.Now()), Second: own == m.Second, At: m.At, Until: m.EndsAt}
	other := m.Second
	if out.Second {
		other = m.Survivor
	}
	var err error
	out.Other, err = j.masked(tx, other)
	return out, err
}

// Link is what a mailed link says of a merging: no more than the mail did. It changes
// nothing, and nobody can undo with it alone.
func (j *Journey) Link(ctx context.Context, v flow.Visitor, token string) (Merging, error) {
	if err := j.allowLink(ctx, v); err != nil {
		return Merging{}, err
	}
	var out Merging
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Merging{}
		m, found, err := j.Merges.ByToken(tx, token)
		if err == nil && found {
			out = Merging{Status: statusOf(m, tx.Now()), At: m.At, Until: m.EndsAt}
		}
		return err
	})
	if err != nil {
		return Merging{}, fmt.Errorf("merging: link: %w", err)
	}
	return out, nil
}
