package merging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/notify/notice"
)

// Undo restores both accounts of the merging of the account that is signed in, of either
// side, and revokes what services were given meanwhile under identifiers that go back.
// Fault Denied when nobody is signed in or the proofs are not fresh, Conflict when there
// is nothing to undo (any more).
func (j *Journey) Undo(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, found, err := j.side(tx, v.Session)
		if err != nil {
			return err
		}
		if !found {
			return errNobody()
		}
		if !j.fresh(s, tx.Now()) {
			return errReauthenticate()
		}
		m, found, err := j.Merges.Pending(tx, s.owner.ID)
		if err != nil {
			return err
		}
		if found {
			found, err = j.Merges.Undo(tx, m)
		}
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.Conflict, "error.merge.over")
		}
		return j.restore(tx, v, s.live.ID, m)
	})
	if err != nil {
		return fmt.Errorf("merging: undo: %w", err)
	}
	return nil
}

// restore gives each account back what it was known by, revokes what was given
// meanwhile, and tells both.
func (j *Journey) restore(tx *db.Tx, v flow.Visitor, by id.Session, m account.Merge) error {
	back, err := j.Connections.Return(tx, m.ID, m.Second, m.Survivor)
	if err != nil {
		return err
	}
	if err := j.Grants.EndSubjects(tx, m.Survivor, back.Subjects); err != nil {
		return err
	}
	for _, p := range back.Parties {
		if err := j.Grants.EndConnection(tx, m.Survivor, p); err != nil {
			return err
		}
	}
	if err := j.both(tx, audit.AccountMergeUndone, v, by, m); err != nil {
		return err
	}
	asked := notice.AskedBy(v.UserAgent, tx.Now())
	for _, a := range []id.Account{m.Survivor, m.Second} {
		if err := j.mail(tx, a, notice.MergeUndone{Suspended: a == m.Second, Asked: asked}); err != nil {
			return err
		}
	}
	return nil
}

// Jobs are the periodic works of this package.
func (j *Journey) Jobs() []job.Job {
	return []job.Job{{Name: "merging.finish", Every: time.Minute, Run: j.Finish}}
}

// batch is how many mergings one round of Finish reads at most.
const batch = 100

// Finish ends every merging whose time is over: sign-in partners of the second account
// lead to the one that stays, and the second account is erased. When the account that
// stays was closed meanwhile, the second one is restored; when the second one was
// closed, nothing is left to do. Each in a transaction of its own, once, on whatever
// node; what cannot be finished does not keep the others.
func (j *Journey) Finish(ctx context.Context) error {
	var due []account.Merge
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = j.Merges.Due(tx, batch)
		return err
	})
	if err != nil {
		return fmt.Errorf("merging: finish: %w", err)
	}
	named, err := j.names(ctx)
	if err != nil {
		return fmt.Errorf("merging: finish: %w", err)
	}
	var failed error
	erased := false
	for _, m := range due {
		did := false
		err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
			did, err = j.finish(tx, named, m)
			return err
		})
		failed, erased = errors.Join(failed, err), erased || did
	}
	if erased {
		failed = errors.Join(failed, j.DB.Checkpoint(ctx)) // so that no copy of the file holds anything of them
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error { _, err := j.Merges.Purge(tx, batch); return err })
	if failed = errors.Join(failed, err); failed != nil {
		return fmt.Errorf("merging: finish: %w", failed)
	}
	return nil
}

// finish ends one merging; it reports whether the second account was erased.
func (j *Journey) finish(tx *db.Tx, named names, m account.Merge) (bool, error) {
	survivor, _, err := j.Accounts.ByID(tx, m.Survivor)
	if err != nil {
		return false, err
	}
	second, _, err := j.Accounts.ByID(tx, m.Second)
	if err != nil {
		return false, err
	}
	switch {
	case second.Status != account.Merged: // closed meanwhile
		_, err := j.Merges.Release(tx, m)
		if err != nil {
			return false, err
		}
		return false, j.Connections.Settle(tx, m.ID)
	case !survivor.Held(): // one that is to be deleted takes the second one with it
		ok, err := j.Merges.Release(tx, m)
		if err != nil || !ok {
			return false, err
		}
		return false, j.restore(tx, flow.Visitor{}, "", m)
	}
	ok, err := j.Merges.Finish(tx, m.ID)
	if err != nil || !ok {
		return false, err // undone, or finished on another node
	}
	partners, err := j.moving(tx, named, m.Second, m.Survivor)
	if err != nil {
		return false, err
	}
	if _, err := j.Links.Move(tx, m.Second, m.Survivor); err != nil {
		return false, err
	}
	if err := j.Connections.Settle(tx, m.ID); err != nil {
		return false, err
	}
	if err := j.both(tx, audit.AccountMergeFinished, flow.Visitor{}, "", m); err != nil {
		return false, err
	}
	if err := j.mail(tx, m.Survivor, notice.MergeFinished{Partners: mailed(partners), At: tx.Now()}); err != nil {
		return false, err
	}
	return true, j.Close(tx, m.Second, notice.RemovedByMerge)
}
