package cli

import (
	"context"
	"time"

	"parvis/internal/bench"
)

// benchCmd measures the service on this machine.
type benchCmd struct {
	Length   time.Duration `name:"seconds" help:"Length of each measurement." default:"4s"`
	Tell     bool          `name:"enumeration" help:"Compare instead how long answers about addresses with and without an account take."`
	Pairs    int           `help:"With --enumeration: how many answers of each kind." default:"1000"`
	Workers  int           `help:"Operations at the same time." default:"8"`
	Postgres string        `help:"Address of an empty PostgreSQL database that may be filled with test data." env:"FRESH_POSTGRES"`
	Named    string        `name:"operation" help:"Measure only the operations whose name contains this."`
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
	if cmd.Pairs < 20 || cmd.Pairs > 20_000 {
		return refuse("--pairs: give a number from 20 to 20000")
	}
	return bench.Run(ctx, bench.Options{Length: cmd.Length, Workers: cmd.Workers, Only: cmd.Tell, Pairs: cmd.Pairs, Postgres: cmd.Postgres, JSON: cmd.JSON, Named: cmd.Named, Out: c.out, Now: c.now})
}
