package reclaim

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/ratelimit"
)

// Link is what opening a link of a recovery shows. Opening changes nothing.
type Link struct {
	Known   bool
	Does    lost.Does
	Stage   lost.Stage
	Outcome lost.Outcome  // for lost.Ended
	At      time.Time     // when it was asked for
	From    time.Time     // from when the methods can be removed
	Until   time.Time     // until when: of lost.Ready to remove them, of lost.Done to undo it
	Cooling time.Duration // how long what is set up afterwards does not count in full
}

// Open is what a link shows, to whoever has it, signed in or not.
func (j *Journey) Open(ctx context.Context, v flow.Visitor, token string) (Link, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Link{}, err
	}
	var out Link
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		r, l, found, err := j.Requests.ByToken(tx, token)
		if err != nil || !found {
			out = Link{}
			return err
		}
		out = Link{
			Known: true, Does: l.Does, Stage: r.Stage(tx.Now()), Outcome: r.Outcome, At: r.AskedAt, From: r.WaitUntil,
			Until: r.FinishBy, Cooling: j.Table.CoolingOff(),
		}
		if !r.DoneAt.IsZero() {
			out.Until = r.UndoUntil
		}
		return nil
	})
	if err != nil {
		return Link{}, fmt.Errorf("reclaim: open: %w", err)
	}
	return out, nil
}

// Use does what a link is for: it stops a recovery that waits, brings everything back when
// it was done, or removes the methods when the wait is over. Of racers one does. Fault
// Conflict when there is nothing for it to do (any more).
func (j *Journey) Use(ctx context.Context, v flow.Visitor, token string) error {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return err
	}
	d := lost.New()
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		r, l, found, err := j.Requests.ByToken(tx, token)
		if err != nil {
			return err
		}
		ok := false
		switch stage := r.Stage(tx.Now()); {
		case !found:
		case l.Does == lost.Finishes && stage == lost.Ready:
			ok, err = j.finish(tx, v, r, d, "")
		case l.Does == lost.Finishes:
		case stage == lost.Done:
			ok, err = j.undo(tx, v, r, l.By)
		case stage == lost.Waiting, stage == lost.Ready:
			ok, err = j.stop(tx, v, r, l.By)
		}
		if err == nil && !ok {
			err = gone()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reclaim: link: %w", err)
	}
	return nil
}
