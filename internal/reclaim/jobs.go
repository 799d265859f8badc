package reclaim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/job"
	"parvis/internal/notify/notice"
)

// batch is how many recoveries one round reads at most.
const batch = 100

// Jobs are the periodic works of this package.
func (j *Journey) Jobs() []job.Job {
	return []job.Job{{Name: "reclaim.advance", Every: time.Minute, Run: j.Advance}}
}

// Advance brings recoveries on that have come so far: it tells owners again near the end
// of the wait, sends the link that removes the methods when it is over, ends what nobody
// went on with, and erases the lost methods when nobody can bring them back any more.
// Each in a transaction of its own, once, on whatever node.
func (j *Journey) Advance(ctx context.Context) error {
	failed := errors.Join(
		j.each(ctx, j.Requests.ToWarn, func(tx *db.Tx, r lost.Request, d lost.Draft) error {
			ok, err := j.Requests.Warned(tx, r.ID)
			if err != nil || !ok {
				return err
			}
			if err := j.note(tx, audit.RecoveryWarned, flow.Visitor{}, r, nil); err != nil {
				return err
			}
			return j.tell(tx, flow.Visitor{}, r, d, notice.LostSoon, r.WaitUntil)
		}),
		j.each(ctx, j.Requests.ToOpen, func(tx *db.Tx, r lost.Request, d lost.Draft) error {
			ok, err := j.Requests.Opened(tx, r.ID)
			if err != nil || !ok {
				return err
			}
			if err := j.note(tx, audit.RecoveryOpened, flow.Visitor{}, r, nil); err != nil {
				return err
			}
			return j.tell(tx, flow.Visitor{}, r, d, notice.LostOpen, r.FinishBy)
		}),
		j.write(ctx, j.expire),
		j.write(ctx, j.settle),
		j.write(ctx, func(tx *db.Tx) (int, error) {
			n, err := j.Requests.Purge(tx, batch)
			return int(n), err
		}),
	)
	if failed != nil {
		return fmt.Errorf("reclaim: advance: %w", failed)
	}
	return nil
}

// each does something to every request that is due; one that fails does not keep the others.
func (j *Journey) each(ctx context.Context, due func(*db.Tx, int) ([]lost.Request, error), do func(*db.Tx, lost.Request, lost.Draft) error) error {
	var all []lost.Request
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = due(tx, batch)
		return err
	})
	if err != nil {
		return err //nolint:wrapcheck // Advance names itself
	}
	var failed error
	for _, r := range all {
		d := lost.New()
		failed = errors.Join(failed, j.DB.Write(ctx, func(tx *db.Tx) error { return do(tx, r, d) }))
	}
	return failed
}

// write repeats a transaction until it finds less than a batch.
func (j *Journey) write(ctx context.Context, do func(*db.Tx) (int, error)) error {
	for {
		n := 0
		err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = do(tx)
			return err
		})
		if err != nil || n < batch {
			return err //nolint:wrapcheck // Advance names itself
		}
	}
}

func (j *Journey) expire(tx *db.Tx) (int, error) {
	all, err := j.Requests.Expire(tx, batch)
	if err != nil {
		return 0, err
	}
	for _, r := range all {
		if err := j.note(tx, audit.RecoveryExpired, flow.Visitor{}, r, nil); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// settle erases what was lost for good.
func (j *Journey) settle(tx *db.Tx) (int, error) {
	all, err := j.Requests.Settle(tx, batch)
	if err != nil {
		return 0, err
	}
	over, err := authenticator.AsideOver(tx, batch)
	if err != nil {
		return 0, err
	}
	erased := map[string]int{}
	for _, a := range over {
		if err := j.Unbind(tx, a); err != nil {
			return 0, err
		}
		erased[string(a.Account)]++
	}
	for _, r := range all {
		data := map[string]string{"methods": strconv.Itoa(erased[string(r.Account)])}
		if err := j.note(tx, audit.RecoverySettled, flow.Visitor{}, r, data); err != nil {
			return 0, err
		}
	}
	return max(len(all), len(over)), nil
}
