package cli

import (
	"context"
	"slices"
	"strconv"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/config"
	"parvis/internal/db"
)

// keyMake writes a new key file.
type keyMake struct {
	File string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// Run makes a root key or a pepper: both are 256 random bits in a file for their owner only.
func (cmd *keyMake) Run(c *console) error {
	if err := config.MakeKey(cmd.File); err != nil {
		return err
	}
	c.printf("wrote %s\n\nCopy it apart from the copies of the database, then name it in keys.root_files or keys.pepper_files.\n"+
		"With several nodes name it second on all of them at first, and first only when all have it.\n", cmd.File)
	return nil
}

// pepperAnswer is one pepper.
type pepperAnswer struct {
	ID     string `json:"id"`             // "" for what was made before there were ids
	File   string `json:"file,omitempty"` // "" for one that is not configured
	Newest bool   `json:"newest"`
	app.Use
}

// peppersOf are the configured peppers and those that something in the database needs.
func peppersOf(ctx context.Context, h *app.House) ([]pepperAnswer, error) {
	var out []pepperAnswer
	for i, id := range h.Keys.PepperIDs() {
		out = append(out, pepperAnswer{ID: id, File: h.Config.Keys.PepperFiles[i], Newest: i == 0})
	}
	configured := len(out)
	err := h.DB.Read(ctx, func(tx *db.Tx) error {
		out = out[:configured]
		peppers := app.Peppers{Keys: h.Keys}
		needed, err := peppers.Needed(tx)
		if err != nil {
			return err
		}
		for _, id := range needed {
			at := slices.IndexFunc(out, func(p pepperAnswer) bool { return p.ID == id })
			if at < 0 {
				at = len(out)
				out = append(out, pepperAnswer{ID: id})
			}
			if out[at].Use, err = peppers.Use(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

type keyPeppers struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the peppers.
func (cmd *keyPeppers) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		all, err := peppersOf(ctx, h)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return c.json(all)
		}
		rows := [][]string{{"PEPPER", "PASSWORDS", "BACKUP CODES", "USED FOR", "FILE"}}
		for _, p := range all {
			rows = append(rows, []string{p.name(), strconv.FormatInt(p.Passwords, 10), strconv.FormatInt(p.BackupCodes, 10), p.use(), p.File})
		}
		c.table(rows)
		return nil
	})
}

func (p pepperAnswer) name() string {
	if p.ID == "" {
		return "(the oldest)"
	}
	return p.ID
}

func (p pepperAnswer) use() string {
	switch {
	case p.Newest:
		return "new ones, and those made with it"
	case p.File != "" || p.ID == "":
		return "those made with it"
	default:
		return "nothing: its file is missing in keys.pepper_files"
	}
}

type keyDropPepper struct {
	change
	ID string `arg:"" help:"Id of the pepper, as in parvis key peppers."`
}

// dropped is the answer to drop-pepper.
type dropped struct {
	Pepper  string `json:"pepper"`
	Applied bool   `json:"applied"`
	app.Use
}

// Run removes what was made with an older pepper and whose owners did not come back.
func (cmd *keyDropPepper) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		if cmd.ID == h.Keys.PepperIDs()[0] {
			return refuse("%s is the pepper of new passwords; put another one first in keys.pepper_files before", cmd.ID)
		}
		answer := dropped{Pepper: cmd.ID, Applied: cmd.Apply}
		err := h.DB.Read(ctx, func(tx *db.Tx) error {
			var err error
			answer.Use, err = app.Peppers{Keys: h.Keys}.Use(tx, cmd.ID)
			return err
		})
		if err != nil {
			return err
		}
		if !answer.Any() {
			return refuse("no password or backup code was made with a pepper %q; its file can be taken out of keys.pepper_files", cmd.ID)
		}
		err = cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "key.drop-pepper"}, func(*db.Tx) error { return nil })
		if err != nil {
			return err
		}
		if cmd.Apply {
			if answer.Passwords, answer.BackupCodes, err = h.Lifecycle.DropPepper(ctx, cmd.ID); err != nil {
				return err
			}
		}
		if cmd.JSON {
			return c.json(answer)
		}
		if !cmd.Apply {
			c.printf("%d password(s) and %d set(s) of backup codes would be removed. The accounts stay: their owners choose a new password\n"+
				"through \"Forgot password?\", and make new codes.\n", answer.Passwords, answer.BackupCodes)
			cmd.hint(c)
			return nil
		}
		c.printf("%d password(s) and %d set(s) of backup codes were removed. The file of %s can be taken out of keys.pepper_files.\n",
			answer.Passwords, answer.BackupCodes, cmd.ID)
		return nil
	})
}
