package bench

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Effect is how far two groups of times lie apart, each figure with its 95 %
// confidence interval.
type Effect struct {
	Pairs          int
	Known, Unknown time.Duration // medians
	Median         Interval      // difference of the medians, known less unknown, in ms
	// Delta is Cliff's δ: how much more often a time of the one group is the longer one
	// than the shorter one. 0: they cannot be told apart; ±1: always.
	Delta Interval
}

// Interval is an estimate with its 95 % confidence interval.
type Interval struct{ Estimate, Low, High float64 }

// Holds reports whether a value lies within the interval.
func (i Interval) Holds(v float64) bool { return i.Low <= v && v <= i.High }

// Guess is how often somebody is right who takes one time and says which group it is
// of, at best: half without any difference.
func (e Effect) Guess() float64 {
	d := e.Delta.Estimate
	return (1 + max(d, -d)) / 2
}

// resamples is how many samples are drawn from the samples for the intervals.
const resamples = 1000

// effectOf compares two groups of times. The intervals are percentiles of bootstrap
// samples, drawn with a generator of a fixed seed: the same times give the same answer.
func effectOf(known, unknown []time.Duration) Effect {
	a, b := slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(unknown))
	out := Effect{Pairs: len(a), Known: middle(a), Unknown: middle(b)}
	out.Median.Estimate, out.Delta.Estimate = ms(out.Known)-ms(out.Unknown), cliff(a, b)
	draw := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret: it draws samples
	medians, deltas := make([]float64, resamples), make([]float64, resamples)
	x, y := make([]time.Duration, len(a)), make([]time.Duration, len(b))
	for i := range resamples {
		again(draw, a, x)
		again(draw, b, y)
		medians[i], deltas[i] = ms(middle(x))-ms(middle(y)), cliff(x, y)
	}
	out.Median.Low, out.Median.High = within(medians)
	out.Delta.Low, out.Delta.High = within(deltas)
	return out
}

// again draws a sorted sample, with replacement, of the size of the group.
func again(draw *rand.Rand, from, into []time.Duration) {
	for i := range into {
		into[i] = from[draw.IntN(len(from))]
	}
	slices.Sort(into)
}

// within are the bounds of the middle 95 %.
func within(all []float64) (low, high float64) {
	slices.Sort(all)
	return all[len(all)*25/1000], all[len(all)*975/1000-1]
}

// middle is the median of a sorted group.
func middle(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// cliff is Cliff's δ of two sorted groups: the share of pairs in which the first is
// longer, less that in which it is shorter.
func cliff(a, b []time.Duration) float64 {
	var above, below, i, j int
	for _, v := range a {
		for i < len(b) && b[i] < v {
			i++
		}
		for j < len(b) && b[j] <= v {
			j++
		}
		above += i          // of b shorter than v
		below += len(b) - j // of b longer than v
	}
	return float64(above-below) / float64(len(a)*len(b))
}
