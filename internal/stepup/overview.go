package stepup

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/policy"
)

// owner is the person who is signed in, with their methods; fault Denied for nobody.
func (j *Journey) owner(tx *db.Tx, v flow.Visitor) (owner.Owner, []authenticator.Authenticator, error) {
	who, err := j.Owners.SignedIn(tx, v)
	if err != nil {
		return owner.Owner{}, nil, err
	}
	list, err := authenticator.List(tx, who.ID)
	return who, list, err
}

// Overview is what the page of an account's methods shows. Fault Denied when nobody
// is signed in.
func (j *Journey) Overview(ctx context.Context, v flow.Visitor) (Overview, error) {
	var out Overview
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Overview{}
		who, list, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		for _, a := range list {
			out.Password = out.Password || a.Type == authenticator.Password
			if a.IsAside() {
				out.Lost = a.AsideUntil
				continue
			}
			if a.Type == authenticator.Password || a.Type == authenticator.Email {
				continue
			}
			e, err := j.entry(tx, a)
			if err != nil {
				return err
			}
			out.Entries = append(out.Entries, e)
		}
		slices.SortStableFunc(out.Entries, func(a, b Entry) int { return b.UsedAt.Compare(a.UsedAt) })
		if j.Table.Offers(policy.Email) {
			e, err := j.email(tx, who, list)
			if err != nil {
				return err
			}
			out.Entries = append(out.Entries, e)
		}
		offer := slices.DeleteFunc(j.Table.Usable(), func(m policy.Method) bool { return m == policy.Email })
		out.Offer = j.offer(list, offer)
		out.Only = len(authenticator.Of(list, authenticator.TOTP, authenticator.Phone, authenticator.Passkey, authenticator.BackupCode)) == 1
		out.Browsers, err = j.browsers(tx, v, who)
		return err
	})
	if err != nil {
		return Overview{}, fmt.Errorf("stepup: overview: %w", err)
	}
	return out, nil
}

// entry is one method with what the package of its type knows.
func (j *Journey) entry(tx *db.Tx, a authenticator.Authenticator) (Entry, error) {
	e := Entry{
		ID: a.ID, Type: a.Type, Name: a.Name, BoundAt: a.BoundAt, UsedAt: a.UsedAt, Standing: j.Methods.StateOf(a, tx.Now()),
	}
	if a.CountsFrom.After(tx.Now()) {
		e.CountsFrom = a.CountsFrom
	}
	var err error
	switch a.Type {
	case authenticator.Phone:
		p, _, findErr := j.Phones.Find(tx, a.Account, a.ID)
		e.Target, e.Stopped, err = p.Number.Masked(), p.Stopped, findErr
	case authenticator.BackupCode:
		set, _, findErr := j.BackupCodes.Find(tx, a.Account)
		e.Left, err = set.Left, findErr
	default:
	}
	return e, err
}

// email is the line of the main address, which every account has.
func (j *Journey) email(tx *db.Tx, who owner.Owner, list []authenticator.Authenticator) (Entry, error) {
	e := Entry{Type: authenticator.Email, Fixed: true, Standing: fresh(j.Methods)}
	for _, a := range authenticator.Of(list, authenticator.Email) {
		e.ID, e.UsedAt, e.Standing = a.ID, a.UsedAt, j.Methods.StateOf(a, tx.Now())
	}
	to, err := j.Accounts.Mailbox(tx, who.ID)
	e.Target = to.Written
	return e, err
}

// browsers are the remembered browsers of the person signed in.
func (j *Journey) browsers(tx *db.Tx, v flow.Visitor, who owner.Owner) ([]Browser, error) {
	list, err := j.Sessions.ListRemembered(tx, who.ID)
	if err != nil {
		return nil, err
	}
	known, err := j.Sessions.Known(tx, v.Device, who.ID)
	if err != nil {
		return nil, err
	}
	var out []Browser
	for _, b := range list {
		out = append(out, Browser{
			ID: b.ID, Device: notice.Device{Browser: b.Browser, System: b.System}, Here: b.Is(known), Since: b.ProvenAt, Expires: b.EndsAt,
		})
	}
	return out, nil
}

// Owned are the second steps of the person who is signed in, as policy weighs them. Fault
// Denied when nobody is.
func (j *Journey) Owned(ctx context.Context, v flow.Visitor) (policy.Owned, error) {
	var out policy.Owned
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		_, list, err := j.owner(tx, v)
		out = authenticator.Owned(list)
		return err
	})
	if err != nil {
		return policy.Owned{}, fmt.Errorf("stepup: %w", err)
	}
	return out, nil
}
