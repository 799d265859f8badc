package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Result is what one measurement found.
type Result struct {
	Operations int
	Rate       float64 // operations a second
	P50, P99   time.Duration
	CPU        time.Duration // of this process, driver included, for one operation
	Driver     time.Duration // how much of CPU are signatures that the driver makes as a service does
}

// errUsedUp ends a measurement early: what it works on is used up.
var errUsedUp = errors.New("bench: used up")

// run repeats an operation from several workers until the time is over. An
// operation that fails ends the measurement: a rate of failures is no rate.
func (b *bench) run(ctx context.Context, workers int, operation func(ctx context.Context, worker int) error) (Result, error) {
	if err := operation(ctx, 0); err != nil { // warm, and wrong things show at once
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Length+30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var done sync.WaitGroup
	began, cpu := b.Now(), processCPU()
	for worker := range workers {
		done.Go(func() {
			own := make([]time.Duration, 0, 4096)
			for b.Now().Sub(began) < b.Length {
				start := b.Now()
				err := operation(ctx, worker)
				if errors.Is(err, errUsedUp) {
					break
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				own = append(own, b.Now().Sub(start))
			}
			mu.Lock()
			all = append(all, own...)
			mu.Unlock()
		})
	}
	done.Wait()
	elapsed := b.Now().Sub(began)
	if failed != nil {
		return Result{}, failed
	}
	if len(all) == 0 {
		return Result{}, errors.New("nothing was measured")
	}
	slices.Sort(all)
	return Result{
		Operations: len(all), Rate: float64(len(all)) / elapsed.Seconds(),
		P50: all[len(all)/2], P99: all[len(all)*99/100], CPU: (processCPU() - cpu) / time.Duration(len(all)),
	}, nil
}

// alone is the CPU time of the driver's own work for one operation, with nothing else running; 0 for nil.
func (b *bench) alone(ctx context.Context, work func(ctx context.Context, worker int) error) (time.Duration, error) {
	if work == nil {
		return 0, nil
	}
	const times = 500
	cpu := processCPU()
	for range times {
		if err := work(ctx, 0); err != nil {
			return 0, err
		}
	}
	return (processCPU() - cpu) / times, nil
}

// processCPU is the CPU time that this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
