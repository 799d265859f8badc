package merging

import (
	"context"
	"fmt"
	"strconv"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/session"
)

func (j *Journey) allowLink(ctx context.Context, v flow.Visitor) error {
	return j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP)
}

// Confirm merges the account of the visitor's own session into that of the held one.
// keep says for each sector that knows both accounts which identifier stays; fault
// Invalid on "keep" when one is missing. The browser goes on as the account that stays,
// with a new token. Other faults are those of Plan. Of racers one merges.
func (j *Journey) Confirm(ctx context.Context, held string, v flow.Visitor, keep map[string]Keep) (flow.Cookies, error) {
	d, token := account.NewMerge(), secret.NewToken()
	named, err := j.names(ctx)
	if err != nil {
		return flow.Cookies{}, fmt.Errorf("merging: confirm: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		first, second, err := j.proofs(tx, held, v)
		if err != nil {
			return err
		}
		moved, err := j.chosen(tx, first.owner.ID, second.owner.ID, keep)
		if err != nil {
			return err
		}
		m, err := j.Merges.Begin(tx, d, first.owner.ID, second.owner.ID)
		if err != nil {
			return err
		}
		if err := j.move(tx, m, moved); err != nil {
			return err
		}
		if err := j.shut(tx, v, m); err != nil {
			return err
		}
		// The held session goes on with a new token: the one before was in two places.
		ok, err := j.Sessions.Elevate(tx, first.live.ID, held, token, first.live.Facts)
		if err != nil {
			return err
		}
		if !ok {
			return errNobody()
		}
		if err := j.both(tx, audit.AccountMerged, v, first.live.ID, m); err != nil {
			return err
		}
		return j.tell(tx, named, v, d, m)
	})
	if err != nil {
		return flow.Cookies{}, fmt.Errorf("merging: confirm: %w", err)
	}
	return flow.Cookies{Session: token}, nil
}

// chosen are the sectors whose identifier of the second account answers from now on.
func (j *Journey) chosen(tx *db.Tx, first, second id.Account, keep map[string]Keep) ([]string, error) {
	choose, moved, err := j.sectors(tx, first, second)
	if err != nil {
		return nil, err
	}
	for _, sector := range choose {
		switch keep[sector] {
		case KeepFirst:
		case KeepSecond:
			moved = append(moved, sector)
		default:
			return nil, fault.On("keep", fault.Invalid, "error.merge.choose")
		}
	}
	return moved, nil
}

// move lets the surviving account answer with the identifiers of the second one. What
// services were given under those that it answered with before is revoked.
func (j *Journey) move(tx *db.Tx, m account.Merge, sectors []string) error {
	before, err := j.Connections.Subjects(tx, m.Survivor)
	if err != nil {
		return err
	}
	if err := j.Connections.Move(tx, m.ID, m.Second, m.Survivor, sectors); err != nil {
		return err
	}
	var retired []string
	for _, k := range before {
		for _, sector := range sectors {
			if k.Sector == sector {
				retired = append(retired, k.Subject)
			}
		}
	}
	if err := j.Grants.EndSubjects(tx, m.Survivor, retired); err != nil {
		return err
	}
	return j.Connections.Carry(tx, m.ID, m.Second, m.Survivor)
}

// shut ends the second account's sessions and everything that was given for it.
func (j *Journey) shut(tx *db.Tx, v flow.Visitor, m account.Merge) error {
	if err := j.Grants.EndAccount(tx, m.Second); err != nil {
		return err
	}
	n, err := j.Sessions.EndAll(tx, m.Second, "", session.Revoked)
	if err != nil {
		return err
	}
	e := event(audit.SessionEnded, v, "", m.Second, m)
	e.Reason, e.Data["sessions"] = "merged", strconv.FormatInt(n, 10)
	return j.Audit.Record(tx, e)
}

// tell mails both addresses, each with a link of its own and the sign-in partners that move.
func (j *Journey) tell(tx *db.Tx, named names, v flow.Visitor, d account.MergeDraft, m account.Merge) error {
	valid, asked := m.EndsAt.Sub(m.At), notice.AskedBy(v.UserAgent, tx.Now())
	partners, err := j.moving(tx, named, m.Second, m.Survivor)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		to, other id.Account
		token     string
	}{{m.Survivor, m.Second, d.SurvivorToken}, {m.Second, m.Survivor, d.SecondToken}} {
		other, err := j.masked(tx, one.other)
		if err != nil {
			return err
		}
		err = j.mail(tx, one.to, notice.AccountsMerged{
			Stays: one.to == m.Survivor, Other: other, Token: one.token, Valid: valid, Partners: mailed(partners), Asked: asked,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Abandon gives a merging up before it was confirmed: the session of the other account
// ends, if one was begun, and the browser goes on as before, with a new token. A session
// that was set aside for longer than AsideFor ends instead: whoever gives up then may be
// somebody else. Without a held session that counts the cookies are empty.
func (j *Journey) Abandon(ctx context.Context, held string, v flow.Visitor) (flow.Cookies, error) {
	token := secret.NewToken()
	var out flow.Cookies
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out = flow.Cookies{}
		first, found, err := j.side(tx, held)
		if err != nil {
			return err
		}
		second, signedIn, err := j.side(tx, v.Session)
		if err != nil {
			return err
		}
		if signedIn && found && second.live.ID != first.live.ID {
			if err := j.leave(tx, v, second.live); err != nil {
				return err
			}
		}
		if !found {
			return nil
		}
		_, waits, err := j.aside(tx, held)
		if err != nil {
			return err
		}
		if !waits || first.owner.Status != account.Active {
			return j.leave(tx, v, first.live)
		}
		ok, err := j.Sessions.Elevate(tx, first.live.ID, held, token, first.live.Facts)
		if ok {
			out.Session = token
		}
		return err
	})
	if err != nil {
		return flow.Cookies{}, fmt.Errorf("merging: abandon: %w", err)
	}
	return out, nil
}

// Drop ends a session that was set aside: the person signs out.
func (j *Journey) Drop(ctx context.Context, held string, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		live, err := j.Sessions.FindLive(tx, held)
		if err != nil || live.ID == "" {
			return err
		}
		return j.leave(tx, v, live)
	})
	if err != nil {
		return fmt.Errorf("merging: drop: %w", err)
	}
	return nil
}

// leave signs a session out.
func (j *Journey) leave(tx *db.Tx, v flow.Visitor, live session.Session) error {
	if _, err := j.Sessions.EndLineage(tx, live.ID, session.SignedOut); err != nil {
		return err
	}
	return j.Audit.Record(tx, audit.Event{
		Name: audit.Signout, Account: live.Account, Session: live.ID, Outcome: audit.Success, Personal: v.Personal(""),
	})
}
