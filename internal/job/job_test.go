package job_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/job"
)

func TestAJobRunsWhenItIsDueAndOnceAfterADowntime(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		runs := 0
		r := &job.Runner{DB: d, Node: "one", Jobs: []job.Job{{
			Name: "sweep", Every: time.Hour, Run: func(context.Context) error { runs++; return nil },
		}}}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 1}, {0, 1}, {59 * time.Minute, 1}, {time.Minute, 2}, {72 * time.Hour, 3}, {0, 3}} {
			clock.Advance(step.wait)
			if err := r.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if runs != step.want {
				t.Errorf("%s later it ran %d times, want %d", step.wait, runs, step.want)
			}
		}
		if s := r.States()["sweep"]; s.Runs != 3 || !s.Succeeded.Equal(clock.Now()) {
			t.Errorf("state %+v", s)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestOfManyNodesOneRunsADueJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var runs, failures atomic.Int64
		done := make(chan struct{})
		other := dbtest.Second(t, d)
		for n := range 12 {
			on := d
			if n%2 == 0 {
				on = other
			}
			r := &job.Runner{DB: on, Node: fmt.Sprint("node", n), Jobs: []job.Job{{
				Name: "sweep", Every: time.Hour, Run: func(context.Context) error { runs.Add(1); return nil },
			}}}
			go func() {
				if err := r.RunDue(context.Background()); err != nil {
					t.Error(err)
					failures.Add(1)
				}
				done <- struct{}{}
			}()
		}
		for range 12 {
			<-done
		}
		if runs.Load() != 1 {
			t.Errorf("%d nodes ran it", runs.Load())
		}
	})
}

func TestAJobOfADeadNodeIsTakenOverAfterItsLease(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		stuck := make(chan struct{})
		began := make(chan struct{})
		dead := &job.Runner{DB: d, Node: "dead", Jobs: []job.Job{{Name: "sweep", Every: time.Second, Run: func(context.Context) error {
			close(began)
			<-stuck
			return nil
		}}}}
		ended := make(chan error)
		go func() { ended <- dead.RunDue(context.Background()) }()
		<-began
		runs := 0
		alive := &job.Runner{DB: d, Node: "alive", Jobs: []job.Job{{
			Name: "sweep", Every: time.Second, Run: func(context.Context) error { runs++; return nil },
		}}}
		if err := alive.RunDue(t.Context()); err != nil || runs != 0 {
			t.Errorf("the lease was not respected: %d runs, error %v", runs, err)
		}
		clock.Advance(3 * time.Minute)
		if err := alive.RunDue(t.Context()); err != nil || runs != 1 {
			t.Errorf("%d runs after the lease, error %v", runs, err)
		}
		close(stuck) // it comes back to life: it must not give back what is no longer its own
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := alive.RunDue(t.Context()); err != nil || runs != 1 {
			t.Errorf("%d runs, error %v", runs, err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAFailingJobIsTriedAgainSoonAndTellsWhy(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		runs := 0
		mistake := errors.New("no")
		r := &job.Runner{DB: d, Node: "one", Jobs: []job.Job{
			{Name: "fails", Every: time.Hour, Run: func(context.Context) error {
				runs++
				if runs == 2 {
					panic("oh")
				}
				return mistake
			}},
			{Name: "works", Every: time.Hour, Run: func(context.Context) error { return nil }},
		}}
		if err := r.RunDue(t.Context()); !errors.Is(err, mistake) {
			t.Errorf("error %v", err)
		}
		clock.Advance(time.Second)
		if err := r.RunDue(t.Context()); err == nil || runs != 2 {
			t.Errorf("%d runs, error %v", runs, err)
		}
		clock.Advance(time.Second)
		if err := r.RunDue(t.Context()); err != nil || runs != 2 {
			t.Errorf("it did not pause: %d runs, error %v", runs, err)
		}
		if s := r.States(); s["fails"].Failures != 2 || s["works"].Failures != 0 {
			t.Errorf("states %+v", s)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestRunEndsWithItsContext(t *testing.T) {
	d := dbtest.Open(t, db.SQLite)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{}, 100)
	r := &job.Runner{DB: d, Node: "one", Jobs: []job.Job{{
		Name: "quick", Every: 5 * time.Millisecond, Run: func(context.Context) error { ran <- struct{}{}; return nil },
	}}}
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	<-ran
	<-ran
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := (&job.Runner{DB: d, Node: "one", Jobs: []job.Job{{Name: "x"}}}).Start(t.Context()); err == nil {
		t.Error("a job with nothing to run was accepted")
	}
}
