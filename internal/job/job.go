// Package job runs background work that must happen on one node at a time.
//
// Each job has one row. A node claims it with one conditional UPDATE when it is
// due and nobody holds a live lease, runs it, and notes when it is due again. A
// node that dies in the middle loses its lease and another one takes over. After
// a downtime a job runs once, not once for each time it missed: jobs work
// through whatever has become due.
//
// Times come from the transactions' clock, so a moved clock moves the jobs:
// RunDue runs at once what has become due.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"parvis/internal/db"
)

// lease is how long a node holds a job before another may take it. A job's
// context ends shortly before.
const lease = 2 * time.Minute

// poll is how often a node looks for due jobs.
const poll = 500 * time.Millisecond

// Job is periodic work. It must be safe to run again after it was cut off.
type Job struct {
	Name  string        // never changes once it was released
	Every time.Duration // from the start of one run to the start of the next
	Run   func(ctx context.Context) error
}

// Runner runs jobs. All fields but Logger are needed.
type Runner struct {
	DB     *db.DB
	Node   string // names this process, different from every other one
	Jobs   []Job
	Logger *slog.Logger // told of failures; may be nil

	mu     sync.Mutex
	states map[string]State
}

// State is what became of a job's last run on this node.
type State struct {
	Runs      int64     // on this node
	Succeeded time.Time // start of the last run that succeeded, on this node
	Failures  int64     // in a row
}

// Start makes the rows of jobs that have none. New jobs are due at once.
func (r *Runner) Start(ctx context.Context) error {
	seen := map[string]bool{}
	for _, j := range r.Jobs {
		if j.Name == "" || j.Every <= 0 || j.Run == nil || seen[j.Name] {
			return fmt.Errorf("job: %q needs a name of its own, a period and something to run", j.Name)
		}
		seen[j.Name] = true
	}
	err := r.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		for _, j := range r.Jobs {
			_, err := tx.Exec(`INSERT INTO job (name, due_at, holder, leased_until, failures, problem)
				VALUES ($1, $2, '', 0, 0, '') ON CONFLICT (name) DO NOTHING`, j.Name, db.Millis(tx.Now()))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("job: start: %w", err)
	}
	return nil
}

// Run starts the jobs and runs them until ctx ends; it returns when the running
// ones have stopped.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, j := range r.Jobs {
		all.Go(func() { r.keep(ctx, j) })
	}
	all.Wait()
	return nil
}

// keep looks after one job: a long run of one does not hold up the others.
func (r *Runner) keep(ctx context.Context, j Job) {
	for {
		if err := r.runOne(ctx, j); err != nil && ctx.Err() == nil {
			r.warn(ctx, j, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(poll, j.Every)):
		}
	}
}

// RunDue runs everything that is due now, one after another, and returns all
// errors. For a clock that was moved, and for tests.
func (r *Runner) RunDue(ctx context.Context) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	var errs []error
	for _, j := range r.Jobs {
		if err := r.runOne(ctx, j); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", j.Name, err))
		}
	}
	return errors.Join(errs...)
}

// States are what this node knows of its jobs, by name.
func (r *Runner) States() map[string]State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.states)
}

// runOne claims a job if it is due, runs it, and gives it back.
func (r *Runner) runOne(ctx context.Context, j Job) error {
	due, err := r.due(ctx, j)
	if err != nil || !due {
		return err
	}
	began, mine, err := r.claim(ctx, j)
	if err != nil || !mine {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, lease-5*time.Second)
	defer cancel()
	problem := call(limited, j)
	r.note(j, began, problem)
	// The result is noted even when this process is stopping.
	return errors.Join(problem, r.release(context.WithoutCancel(ctx), j, began, problem))
}

// due looks without writing, so that idle nodes do not write each half second.
func (r *Runner) due(ctx context.Context, j Job) (bool, error) {
	var due bool
	err := r.DB.Read(ctx, func(tx *db.Tx) error {
		var at, leased int64
		err := tx.QueryRow(`SELECT due_at, leased_until FROM job WHERE name = $1`, j.Name).Scan(&at, &leased)
		now := db.Millis(tx.Now())
		due = err == nil && at <= now && leased <= now
		return err
	})
	return due, err
}

// claim takes a due job; mine is false when somebody else was faster.
func (r *Runner) claim(ctx context.Context, j Job) (began time.Time, mine bool, err error) {
	err = r.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		began, mine = tx.Now(), false
		now := db.Millis(began)
		var name string
		err := tx.QueryRow(`UPDATE job SET holder = $1, leased_until = $2 WHERE name = $3 AND due_at <= $4 AND leased_until <= $5 RETURNING name`,
			r.Node, now+lease.Milliseconds(), j.Name, now, now).Scan(&name)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		mine = err == nil
		return err
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("job: claim %s: %w", j.Name, err)
	}
	return began, mine, nil
}

// release gives a job back. After a failure it is due again after a pause that
// grows to the job's period or ten minutes, whichever is shorter.
func (r *Runner) release(ctx context.Context, j Job, began time.Time, problem error) error {
	err := r.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		if problem == nil {
			_, err := tx.Exec(`UPDATE job SET holder = '', leased_until = 0, due_at = $1, succeeded_at = $2, failures = 0, problem = '' WHERE name = $3 AND holder = $4`,
				db.Millis(began.Add(j.Every)), db.Millis(began), j.Name, r.Node)
			return err
		}
		r.mu.Lock()
		failures := r.states[j.Name].Failures
		r.mu.Unlock()
		_, err := tx.Exec(`UPDATE job SET holder = '', leased_until = 0, due_at = $1, failures = failures + 1, problem = $2 WHERE name = $3 AND holder = $4`,
			db.Millis(tx.Now().Add(pause(j.Every, failures))), short(problem.Error()), j.Name, r.Node)
		return err
	})
	if err != nil {
		return fmt.Errorf("job: release %s: %w", j.Name, err)
	}
	return nil
}

func pause(every time.Duration, failures int64) time.Duration {
	return min(every, 10*time.Minute, time.Second<<min(max(failures, 1)-1, 10))
}

func short(s string) string {
	const limit = 500
	if len(s) > limit {
		s = s[:limit]
	}
	clean := make([]rune, 0, len(s))
	for _, r := range s {
		if r >= ' ' {
			clean = append(clean, r)
		}
	}
	return string(clean)
}

// call runs the work and turns a panic into an error.
func call(ctx context.Context, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job: %s panicked: %v\n%s", j.Name, p, debug.Stack())
		}
	}()
	return j.Run(ctx)
}

func (r *Runner) note(j Job, began time.Time, problem error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = map[string]State{}
	}
	s := r.states[j.Name]
	s.Runs++
	if problem == nil {
		s.Succeeded, s.Failures = began, 0
	} else {
		s.Failures++
	}
	r.states[j.Name] = s
}

func (r *Runner) warn(ctx context.Context, j Job, err error) {
	if r.Logger != nil {
		r.Logger.LogAttrs(ctx, slog.LevelError, "job failed", slog.String("job", j.Name), slog.String("error", err.Error()))
	}
}
