package bench

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheEffectOfTimesIsThatOfTheirDefinition(t *testing.T) {
	ms := func(all ...int) []time.Duration {
		var out []time.Duration
		for _, v := range all {
			out = append(out, time.Duration(v)*time.Millisecond)
		}
		return out
	}
	for _, tt := range []struct {
		name          string
		a, b          []time.Duration
		median, delta float64
		guess         float64
	}{
		{"the same", ms(1, 2, 3), ms(3, 1, 2), 0, 0, 0.5},
		{"all longer", ms(5, 6), ms(1, 2, 3), 3.5, 1, 1},
		{"all shorter", ms(1, 2, 3), ms(5, 6), -3.5, -1, 1},
		{"ties", ms(1, 1, 2), ms(1, 2, 2), -1, -3.0 / 9, 6.0 / 9},
	} {
		e := effectOf(tt.a, tt.b)
		if math.Abs(e.Median.Estimate-tt.median) > 1e-9 || math.Abs(e.Delta.Estimate-tt.delta) > 1e-9 || math.Abs(e.Guess()-tt.guess) > 1e-9 {
			t.Errorf("%s: %+v, guess %g", tt.name, e, e.Guess())
		}
		if !e.Median.Holds(e.Median.Estimate) || !e.Delta.Holds(e.Delta.Estimate) {
			t.Errorf("%s: an estimate lies outside its interval: %+v", tt.name, e)
		}
	}
}

func TestTheIntervalSeesADifferenceThatIsThereAndNoneThatIsNot(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 7))
	times := func(shift float64) []time.Duration {
		out := make([]time.Duration, 400)
		for i := range out {
			out[i] = time.Duration((50 + shift + 5*math.Abs(draw.NormFloat64())) * float64(time.Millisecond))
		}
		return out
	}
	if e := effectOf(times(0), times(0)); !e.Delta.Holds(0) || !e.Median.Holds(0) {
		t.Errorf("no difference is taken for one: %+v", e)
	}
	if e := effectOf(times(2), times(0)); e.Delta.Holds(0) || e.Median.Holds(0) || !e.Median.Holds(2) {
		t.Errorf("a difference of 2 ms is not seen: %+v", e)
	}
}
