package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
)

// change are the flags of every command that changes something in the database.
type change struct {
	Apply    bool   `help:"Do it. Without this flag the command only says what it would do."`
	Operator string `help:"Your name for the audit trail." placeholder:"NAME" env:"PARVIS_OPERATOR"`
	JSON     bool   `help:"Answer as JSON." name:"json"`
}

// errRehearsed rolls a rehearsed change back.
var errRehearsed = errors.New("cli: rehearsed")

// write runs a change with its audit event in one transaction. Without --apply
// everything is done and rolled back, so that a rehearsal finds every refusal.
func (ch *change) write(ctx context.Context, c *console, h *app.House, what string, about id.RelyingParty, do func(*db.Tx) error) error {
	return ch.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, RelyingParty: about, Reason: what}, do)
}

// audited runs a change and records e, which do may complete, in the same transaction.
func (ch *change) audited(ctx context.Context, c *console, h *app.House, e *audit.Event, do func(*db.Tx) error) error {
	e.Outcome = "success"
	e.Data = map[string]string{"operator": ch.operator(c)}
	err := h.DB.Write(ctx, func(tx *db.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		if err := h.Audit.Record(tx, *e); err != nil {
			return err
		}
		if !ch.Apply {
			return errRehearsed
		}
		return nil
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// operator is who runs the command: as given, or the user who became root, or the user.
func (ch *change) operator(c *console) string {
	if ch.Operator != "" {
		return ch.Operator
	}
	for _, entry := range c.environ {
		if name, ok := strings.CutPrefix(entry, "SUDO_USER="); ok && name != "" {
			return name
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// hint says that nothing was changed.
func (ch *change) hint(c *console) {
	if !ch.Apply {
		c.printf("\nNothing was changed. Add --apply to do it.\n")
	}
}

// report says that something was done, or that it could be.
func (ch *change) report(c *console, what string) {
	if !ch.Apply {
		c.printf("%s: can be done\n", what)
		ch.hint(c)
		return
	}
	c.printf("%s: done\n", what)
}

// withHouse opens the configured deployment without serving it.
func (c *console) withHouse(ctx context.Context, do func(*app.House) error) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	h, err := app.Open(ctx, app.Options{Config: cfg, Now: c.now, Log: app.NewLog(c.err, app.Level("warn"))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	status, err := h.DB.Status(ctx)
	if err != nil {
		return err
	}
	if len(status.Pending) > 0 {
		return refuse("the database is not at this version yet (migrations to apply: %d); run: parvis migrate up", len(status.Pending))
	}
	if err := h.Registry.Start(ctx); err != nil {
		return err
	}
	return do(h)
}

// read reads a file, or standard input for "-".
func (c *console) read(path string) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(c.in, 1<<20))
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return text, nil
	}
	return os.ReadFile(path)
}

// table prints aligned columns.
func (c *console) table(rows [][]string) {
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")) // buffered; see Flush
	}
	_ = w.Flush() // standard output; an error there cannot be told anywhere
}
