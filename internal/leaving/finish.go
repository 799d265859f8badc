package leaving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/notify/notice"
)

// batch is how many accounts one round of a job reads at most.
const batch = 100

// Jobs are the periodic works of this package.
func (j *Journey) Jobs() []job.Job {
	return []job.Job{{Name: "leaving.finish", Every: time.Minute, Run: j.Finish}}
}

// Finish erases every account whose waiting time is over. Each in a transaction of its
// own, once, on whatever node; what cannot be erased does not keep the others. It works
// through whatever has become due, so that a service that was down catches up.
func (j *Journey) Finish(ctx context.Context) error {
	var failed error
	for failed == nil {
		var due []account.Closure
		err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
			due, err = j.Closures.Due(tx, batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("leaving: finish: %w", err)
		}
		for _, c := range due {
			err := j.DB.Write(ctx, func(tx *db.Tx) error { return j.finish(tx, c) })
			failed = errors.Join(failed, err)
		}
		if len(due) > 0 {
			failed = errors.Join(failed, j.DB.Checkpoint(ctx)) // so that no copy of the file holds anything of them
		}
		if len(due) < batch {
			break
		}
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) error { _, err := j.Closures.Purge(tx, batch); return err })
	if failed = errors.Join(failed, err); failed != nil {
		return fmt.Errorf("leaving: finish: %w", failed)
	}
	return nil
}

// finish erases one account, and one that was merged into it and waits to be erased.
func (j *Journey) finish(tx *db.Tx, c account.Closure) error {
	ok, err := j.Closures.Finish(tx, c.ID)
	if err != nil || !ok {
		return err // kept, or finished on another node
	}
	if err := j.merged(tx, c.Account); err != nil {
		return err
	}
	return j.Close(tx, c.Account, notice.RemovedByOwner)
}

// merged erases the account that was merged into one that ends, before its own time: its
// owner was told so when they asked.
func (j *Journey) merged(tx *db.Tx, survivor id.Account) error {
	m, found, err := j.Merges.Pending(tx, survivor)
	if err != nil || !found || m.Survivor != survivor {
		return err
	}
	if ok, err := j.Merges.Cut(tx, m.ID); err != nil || !ok {
		return err
	}
	if err := j.Connections.Settle(tx, m.ID); err != nil {
		return err
	}
	return j.Close(tx, m.Second, notice.RemovedByOwner)
}
