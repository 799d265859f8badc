package cli

import (
	"context"
	"time"

	"parvis/internal/bench"
)

// benchCmd measures the service on this machine.
type benchCmd struct {
	Length   time.Duration `name:"seconds" help:"Length of each measurement." default:"4s"`
	Workers  int           `help:"Operations at the same time." default:"8"`
	Postgres string        `help:"Address of an empty PostgreSQL database that may be filled with test data." env:"FRESH_POSTGRES"`
	JSON     bool          `name:"json" help:"One JSON object a line."`
}

// Run measures.
func (cmd benchCmd) Run(ctx context.Context, c *console) error {
	if cmd.Length < time.Second || cmd.Length > 10*time.Minute {
		return refuse("--seconds: give a time from 1s to 10m")
	}
	if cmd.Workers < 1 || cmd.Workers > 64 {
		return refuse("--workers: give a number from 1 to 64")
	}
	return bench.Run(ctx, bench.Options{Length: cmd.Length, Workers: cmd.Workers, Postgres: cmd.Postgres, JSON: cmd.JSON, Out: c.out, Now: c.now})
}
