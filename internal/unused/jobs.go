package unused

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

const (
	// batch is how many accounts are read at once: one statement for each thing that must be
	// known of them, none for each of them.
	batch = 100
	// rounds is how many batches of each kind one run takes at most; the next run goes on.
	rounds = 10
	// noted is how many accounts without a known use are noted in one transaction.
	noted = 500
)

// Jobs are the periodic works of this package.
func (j *Journey) Jobs() []job.Job {
	return []job.Job{{Name: "unused.advance", Every: every, Run: j.Advance}}
}

// tally is what one run did.
type tally struct{ first, second, removed, postponed, undelivered, void, exempt int }

// Advance does what is due: it warns owners the first and the second time, removes what was
// warned about twice, and forgets old warnings. What is due for one account is done in a
// transaction of its own, once, on whatever node; one that fails does not keep the others.
func (j *Journey) Advance(ctx context.Context) error {
	var n tally
	var failed error
	if j.Settings.Off() {
		failed = j.repeat(ctx, batch, j.Warnings.Calm)
	} else {
		failed = errors.Join(j.repeat(ctx, noted, j.Accounts.NoteUnknown), j.goOn(ctx, &n), j.begin(ctx, &n))
	}
	failed = errors.Join(failed, j.repeat(ctx, batch, j.Warnings.Purge))
	if n.removed > 0 {
		failed = errors.Join(failed, j.DB.Checkpoint(ctx)) // so that no copy of the file holds anything of them
	}
	if j.Log != nil && n != (tally{}) {
		j.Log.LogAttrs(ctx, slog.LevelInfo, "unused accounts", slog.Int("first_warnings", n.first), slog.Int("second_warnings", n.second),
			slog.Int("removed", n.removed), slog.Int("postponed", n.postponed), slog.Int("undelivered", n.undelivered),
			slog.Int("no_longer_unused", n.void), slog.Int("exempt", n.exempt))
	}
	if failed != nil {
		return fmt.Errorf("unused: advance: %w", failed)
	}
	return nil
}

// repeat repeats a transaction until it finds less than a batch, or the run did enough.
func (j *Journey) repeat(ctx context.Context, size int, do func(*db.Tx, int) (int64, error)) error {
	for range rounds {
		var n int64
		err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = do(tx, size)
			return err
		})
		if err != nil || n < int64(size) {
			return err //nolint:wrapcheck // Advance names itself
		}
	}
	return nil
}

// known is what is read at once of a batch of accounts.
type known struct {
	to       map[id.Account][]account.Addr
	verified map[id.Account]bool
	fates    map[string]notify.Fate
}

// begin warns the owners of accounts that have become unused.
func (j *Journey) begin(ctx context.Context, n *tally) error {
	var after account.Unused
	var failed error
	for range rounds {
		var all []account.Unused
		var k known
		err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
			all, err = j.Warnings.Unused(tx, tx.Now().Add(j.Settings.FirstWarning-j.Settings.After), after, batch)
			if err != nil || len(all) == 0 {
				return err
			}
			of := make([]id.Account, len(all))
			for i, u := range all {
				of[i] = u.Account
			}
			if k.verified, err = j.Verified(tx, of); err != nil {
				return err
			}
			k.to, err = j.Accounts.Mailboxes(tx, of)
			return err
		})
		if err != nil {
			return errors.Join(failed, err)
		}
		for _, u := range all {
			failed = errors.Join(failed, j.first(ctx, u, k, n))
		}
		if len(all) < batch {
			return failed
		}
		after = all[len(all)-1]
	}
	return failed
}

// first warns the owner of one account, or keeps the account.
func (j *Journey) first(ctx context.Context, u account.Unused, k known, n *tally) error {
	d, to, warned := account.NewWarning(), k.to[u.Account], false
	if k.verified[u.Account] || len(to) == 0 {
		n.exempt++
		return j.DB.Write(ctx, func(tx *db.Tx) error { return j.Warnings.Keep(tx, d.ID, u.Account, tx.Now().Add(again)) }) //nolint:wrapcheck // Advance names itself
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
		now := tx.Now()
		m := account.Mailing{
			Token: d.Token, Mails: len(to), NextAt: now.Add(every), Until: now.Add(j.Settings.FirstWarning - j.Settings.After),
			RemovesAt: latest(now.Add(j.Settings.FirstWarning), u.UsedAt.Add(j.Settings.After)),
		}
		if warned, err = j.Warnings.First(tx, d.ID, u.Account, m); err != nil || !warned {
			return err
		}
		return j.tell(tx, account.Warning{ID: d.ID, Account: u.Account, Locale: u.Locale}, to, m, false)
	})
	if err == nil && warned {
		n.first++
	}
	return err //nolint:wrapcheck // Advance names itself
}

// goOn brings warnings on that have come so far.
func (j *Journey) goOn(ctx context.Context, n *tally) error {
	var after account.Warning
	var failed error
	for range rounds {
		var all []account.Warning
		var k known
		err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
			if all, err = j.Warnings.Due(tx, after, batch); err != nil || len(all) == 0 {
				return err
			}
			k, err = j.know(tx, all)
			return err
		})
		if err != nil {
			return errors.Join(failed, err)
		}
		for _, w := range all {
			failed = errors.Join(failed, j.step(ctx, w, k, n))
		}
		if len(all) < batch {
			return failed
		}
		after = all[len(all)-1]
	}
	return failed
}

// know reads what must be known of a batch of warnings.
func (j *Journey) know(tx *db.Tx, all []account.Warning) (k known, err error) {
	var of []id.Account
	mails := map[bool][]string{}
	for _, w := range all {
		of = append(of, w.Account)
		second := !w.SecondAt.IsZero()
		mails[second] = append(mails[second], names(w.ID, w.Mails)...)
	}
	if k.to, err = j.Accounts.Mailboxes(tx, of); err != nil {
		return k, err
	}
	k.fates = map[string]notify.Fate{}
	for second, list := range mails {
		fates, err := j.Outbox.Fates(tx, kindOf(second), list)
		if err != nil {
			return k, err
		}
		maps.Copy(k.fates, fates)
	}
	return k, nil
}

// step does what is due with one warning.
func (j *Journey) step(ctx context.Context, w account.Warning, k known, n *tally) error {
	d, count := account.NewWarning(), (*int)(nil)
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		count = nil
		did, err := false, error(nil)
		what, at := j.Settings.next(w, deliveryOf(k.fates, names(w.ID, w.Mails)), tx.Now())
		switch what {
		case actWait:
			return j.Warnings.Wait(tx, w.ID, at)
		case actHanded:
			_, err := j.Warnings.Handed(tx, w, at, tx.Now().Add(every))
			return err
		case actVoid:
			did, err = j.Warnings.End(tx, w.ID, account.WarningVoid, time.Time{})
			count = counted(did, &n.void)
		case actUndelivered:
			did, err = j.undelivered(tx, w)
			count = counted(did, &n.undelivered)
		case actSecond:
			did, err = j.second(tx, w, k.to[w.Account], d.Token)
			count = counted(did, &n.second)
		case actRemove:
			return j.remove(tx, w, n, &count)
		}
		return err
	})
	if err == nil && count != nil {
		*count++
	}
	return err //nolint:wrapcheck // Advance names itself
}

func counted(did bool, n *int) *int {
	if did {
		return n
	}
	return nil
}

// undelivered gives up a warning that reached no address, for a while.
func (j *Journey) undelivered(tx *db.Tx, w account.Warning) (bool, error) {
	ended, err := j.Warnings.End(tx, w.ID, account.WarningUndelivered, tx.Now().Add(again))
	if err != nil || !ended {
		return false, err
	}
	return true, j.Audit.Record(tx, audit.Event{Name: audit.AccountUnusedUntold, Account: w.Account, Outcome: audit.Failed})
}

// second warns the owner of an account once more.
func (j *Journey) second(tx *db.Tx, w account.Warning, to []account.Addr, token string) (bool, error) {
	if len(to) == 0 {
		return j.undelivered(tx, w)
	}
	now := tx.Now()
	m := account.Mailing{
		Token: token, Mails: len(to), NextAt: now.Add(every), Until: now.Add(j.Settings.SecondWarning - j.Settings.After),
		RemovesAt: latest(now.Add(j.Settings.SecondWarning), w.UsedAt.Add(j.Settings.After), w.RemovesAt),
	}
	warned, err := j.Warnings.Second(tx, w.ID, m)
	if err != nil || !warned {
		return false, err
	}
	return true, j.tell(tx, w, to, m, true)
}

// remove erases an account of which both warnings were handed over, unless it is kept for
// another reason. count becomes what it did.
func (j *Journey) remove(tx *db.Tx, w account.Warning, n *tally, count **int) error {
	now := tx.Now()
	verified, err := j.Verified(tx, []id.Account{w.Account})
	if err != nil {
		return err
	}
	if verified[w.Account] {
		*count = &n.exempt
		_, err := j.Warnings.End(tx, w.ID, account.WarningExempt, now.Add(again))
		return err
	}
	held, err := j.held(tx, w.Account)
	if err != nil {
		return err
	}
	if held {
		*count = &n.postponed
		return j.Warnings.Wait(tx, w.ID, now.Add(postponed))
	}
	ok, err := j.Warnings.Remove(tx, w.ID, now.Add(-j.Settings.SecondWarning), now.Add(-j.Settings.After))
	if err != nil || !ok {
		return err // used, kept, or removed on another node
	}
	*count = &n.removed
	return j.Close(tx, w.Account, notice.RemovedUnused)
}

// Outlook is what will happen, for an operator.
type Outlook struct {
	Off      bool
	Settings Settings
	Unwarned int64 // unused accounts whose owners are warned next
	First    int64 // accounts whose owners were warned once
	Second   int64 // accounts whose owners were warned twice
}

// Look tells what will happen. It changes nothing.
func (j *Journey) Look(ctx context.Context) (Outlook, error) {
	out := Outlook{Off: j.Settings.Off(), Settings: j.Settings}
	if out.Off {
		return out, nil
	}
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		out.Unwarned, out.First, out.Second, err = j.Warnings.Waiting(tx, tx.Now().Add(j.Settings.FirstWarning-j.Settings.After))
		return err
	})
	if err != nil {
		return Outlook{}, fmt.Errorf("unused: look: %w", err)
	}
	return out, nil
}
