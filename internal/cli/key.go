package cli

import (
	"context"
	"time"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/db"
)

// keyCmd groups the commands about keys.
type keyCmd struct {
	List       keyList       `cmd:"" help:"List the signing keys."`
	Rotate     keyRotate     `cmd:"" help:"Make new signing keys; the old ones stay published until nothing signed by them is valid."`
	Make       keyMake       `cmd:"" help:"Write a new key file, for a root key or a pepper."`
	Peppers    keyPeppers    `cmd:"" help:"List the peppers, and how many passwords and backup codes were made with each."`
	DropPepper keyDropPepper `cmd:"" help:"Remove the passwords and backup codes that were made with an older pepper; their owners choose new ones."`
}

// keyAnswer is one signing key.
type keyAnswer struct {
	ID         string     `json:"id"`
	Algorithm  string     `json:"algorithm"`
	CreatedAt  time.Time  `json:"created_at"`
	ActiveFrom time.Time  `json:"active_from"`
	RetireAt   *time.Time `json:"retire_at,omitempty"`
}

type keyList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the keys.
func (cmd *keyList) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		if err := h.Keyring.Start(ctx); err != nil {
			return err
		}
		return c.keys(h, cmd.JSON)
	})
}

type keyRotate struct{ change }

// Run makes new keys.
func (cmd *keyRotate) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		if err := h.Keyring.Start(ctx); err != nil {
			return err
		}
		if cmd.Apply {
			if err := h.Keyring.Rotate(ctx); err != nil {
				return err
			}
		}
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "key.rotate"}, func(*db.Tx) error { return nil })
		if err != nil {
			return err
		}
		if err := c.keys(h, cmd.JSON); err != nil {
			return err
		}
		if !cmd.JSON {
			if !cmd.Apply {
				from := c.now().Add(h.Config.Keyring.PublishBefore)
				c.printf("\nThis would publish a new key for each algorithm, which signs from %s.\n", stamp(&from))
			}
			cmd.hint(c)
		}
		return nil
	})
}

// keys prints the keyring.
func (c *console) keys(h *app.House, asJSON bool) error {
	all := []keyAnswer{}
	rows := [][]string{{"KEY", "ALGORITHM", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL"}}
	for _, k := range h.Keyring.List() {
		a := keyAnswer{ID: k.ID, Algorithm: string(k.Algorithm), CreatedAt: k.CreatedAt, ActiveFrom: k.ActiveFrom, RetireAt: moment(k.RetireAt)}
		all = append(all, a)
		until := "further notice"
		if a.RetireAt != nil {
			until = stamp(a.RetireAt)
		}
		rows = append(rows, []string{a.ID, a.Algorithm, stamp(&a.CreatedAt), stamp(&a.ActiveFrom), until})
	}
	if asJSON {
		return c.json(all)
	}
	c.table(rows)
	return nil
}
