package cli

import (
	"context"
	"errors"

	"parvis/internal/config"
	"parvis/internal/db"
)

// migrateCmd groups the commands about the database's version.
type migrateCmd struct {
	Status migrateStatus `cmd:"" help:"Show which version the database has; changes nothing."`
	Up     migrateUp     `cmd:"" help:"Bring the database to this version."`
}

// migrateAnswer is what both commands say.
type migrateAnswer struct {
	Current int64    `json:"current"`
	Latest  int64    `json:"latest"`
	Pending []string `json:"pending"`
	Newer   bool     `json:"newer"`
}

type migrateStatus struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run shows the version.
func (cmd *migrateStatus) Run(ctx context.Context, c *console) error {
	return c.withDB(ctx, func(d *db.DB) error {
		s, err := d.Status(ctx)
		if err != nil {
			return err
		}
		return c.migrated(s, cmd.JSON)
	})
}

type migrateUp struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run migrates.
func (cmd *migrateUp) Run(ctx context.Context, c *console) error {
	return c.withDB(ctx, func(d *db.DB) error {
		s, err := d.Migrate(ctx)
		if err != nil {
			return err
		}
		return c.migrated(s, cmd.JSON)
	})
}

// withDB opens the database alone: it may be older than everything else expects.
func (c *console) withDB(ctx context.Context, do func(*db.DB) error) (err error) {
	cfg, err := config.Read(c.config, c.environ)
	if err != nil {
		return err
	}
	if problems := cfg.Database.Problems(); len(problems) > 0 {
		for i := range problems {
			problems[i] = "database." + problems[i]
		}
		return &config.Error{Path: c.config, Problems: problems}
	}
	d, err := db.Open(ctx, cfg.Database, c.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return do(d)
}

func (c *console) migrated(s db.Status, asJSON bool) error {
	answer := migrateAnswer{Current: s.Current, Latest: s.Latest, Pending: s.Pending, Newer: s.Newer()}
	if answer.Pending == nil {
		answer.Pending = []string{}
	}
	if asJSON {
		return c.json(answer)
	}
	c.printf("database version %d, this program knows %d\n", s.Current, s.Latest)
	for _, name := range s.Pending {
		c.printf("to apply: %s\n", name)
	}
	if s.Newer() {
		c.printf("The database belongs to a newer version of parvis; this one still runs on it.\n")
	}
	return nil
}
