package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// report writes what was measured.
type report struct {
	out  io.Writer
	json bool
}

// start says on what is measured and how to read the table.
func (r *report) start(o Options) {
	if r.json {
		return
	}
	r.say(fmt.Sprintf("Measured on %s; %d workers, %s each; the driver shares the cores.", machine(), o.Workers, o.Length))
	r.say("Of the floor: the rate beside that of the unavoidable parts, measured in the same run; CPU: the")
	r.say("CPU time of the parts as a share of what the operation took, which neighbours disturb least.")
	r.say("driver: how much of the CPU are signatures that a service makes, here the driver. SQL and signs:")
	r.say("statements, and signatures of the provider, that one operation takes.\n")
	r.say(fmt.Sprintf("%-11s %-32s %10s %9s %9s %9s %9s %5s %5s  %-62s %s", "engine", "operation", "per second", "p50", "p99", "CPU", "driver", "SQL", "signs", "of the floor", "goal"))
}

// add writes one scenario.
func (r *report) add(engine string, s scenario, got, floor Result, c cost) {
	share, cpu := got.Rate/floor.Rate, float64(floor.CPU)/float64(max(got.CPU, 1))
	if r.json {
		line, err := json.Marshal(map[string]any{
			"engine": engine, "operation": s.name, "workers": s.workers, "rate": got.Rate, "operations": got.Operations,
			"p50_ms": ms(got.P50), "p99_ms": ms(got.P99), "cpu_ms": ms(got.CPU), "driver_cpu_ms": ms(got.Driver),
			"floor": s.floorName, "floor_rate": floor.Rate, "floor_cpu_ms": ms(floor.CPU), "of_floor": share, "cpu_of_floor": cpu, "goal": s.goal, "statements": c.statements, "signatures": c.signatures,
		})
		if err == nil {
			r.say(string(line))
		}
		return
	}
	r.say(fmt.Sprintf("%-11s %-32s %10.1f %7.1fms %7.1fms %7.2fms %7.2fms %5d %5d  %-62s %s", engine, s.name, got.Rate, ms(got.P50), ms(got.P99), ms(got.CPU), ms(got.Driver), c.statements, c.signatures,
		fmt.Sprintf("%.0f %% of %.0f/s, CPU %.0f %% (%s)", share*100, floor.Rate, cpu*100, s.floorName), s.goal))
}

func (r *report) say(line string) {
	_, _ = fmt.Fprintln(r.out, line) // a closed standard output ends nothing that matters
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
