package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/operator"
)

// apiKeyCmd groups the commands about keys of the operators' API.
type apiKeyCmd struct {
	Add    apiKeyAdd    `cmd:"" help:"Make a key; its token is shown once."`
	List   apiKeyList   `cmd:"" help:"List every key, and when each was used last."`
	Revoke apiKeyRevoke `cmd:"" help:"End a key at once, on every node."`
}

type apiKeyAdd struct {
	change
	Name  string   `arg:"" help:"What the key is called in the audit trail, e.g. terraform."`
	Scope []string `help:"What it may do: upstreams:read, upstreams:write, registration-tokens:read or registration-tokens:write; can be repeated." required:"" placeholder:"SCOPE"`
	Days  int      `help:"For how many days it is good, 366 at most." default:"90"`
}

// Run makes a key.
func (cmd *apiKeyAdd) Run(ctx context.Context, c *console) error {
	var scopes []operator.Scope
	for _, text := range cmd.Scope {
		var s operator.Scope
		if err := s.UnmarshalText([]byte(text)); err != nil {
			return refuse("--scope: %v", err)
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if cmd.Days < 1 || cmd.Days > int(operator.MaxLife/(24*time.Hour)) {
		return refuse("--days: a key is good for 1 to 366 days")
	}
	return c.withHouse(ctx, func(h *app.House) error {
		d := operator.NewDraft(cmd.Name, scopes, time.Duration(cmd.Days)*24*time.Hour)
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "api_key.add"}, func(tx *db.Tx) error { return h.APIKeys.Add(tx, d) })
		if err != nil {
			return apiKeyError(cmd.Name, err)
		}
		if !cmd.Apply {
			d.Token = "" // a token that is good for nothing is not shown
		}
		if cmd.JSON {
			return c.json(map[string]any{"name": d.Name, "scopes": d.Scopes, "token": d.Token, "applied": cmd.Apply})
		}
		if cmd.Apply {
			c.printf("%s\n\nThis token is shown once. Keep it like a password.\n", d.Token)
		} else {
			c.printf("api-key %s: can be made\n", d.Name)
		}
		cmd.hint(c)
		return nil
	})
}

type apiKeyList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the keys.
func (cmd *apiKeyList) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		var all []operator.Key
		err := h.DB.Read(ctx, func(tx *db.Tx) error {
			var err error
			all, err = h.APIKeys.List(tx)
			return err
		})
		if err != nil {
			return err
		}
		type line struct {
			Name      string           `json:"name"`
			Scopes    []operator.Scope `json:"scopes"`
			CreatedAt time.Time        `json:"created_at"`
			ExpiresAt time.Time        `json:"expires_at"`
			UsedAt    *time.Time       `json:"used_at,omitempty"`
			State     string           `json:"state"`
		}
		lines := []line{}
		rows := [][]string{{"NAME", "SCOPES", "CREATED", "ENDS", "LAST USED", "STATE"}}
		for _, k := range all {
			l := line{k.Name, k.Scopes, k.CreatedAt, k.ExpiresAt, moment(k.UsedAt), "good"}
			switch {
			case !k.RevokedAt.IsZero():
				l.State = "revoked"
			case !c.now().Before(k.ExpiresAt):
				l.State = "expired"
			}
			lines = append(lines, l)
			scopes := make([]string, len(k.Scopes))
			for i, s := range k.Scopes {
				scopes[i] = string(s)
			}
			rows = append(rows, []string{l.Name, strings.Join(scopes, " "), stamp(&l.CreatedAt), stamp(&l.ExpiresAt), stamp(l.UsedAt), l.State})
		}
		if cmd.JSON {
			return c.json(lines)
		}
		c.table(rows)
		return nil
	})
}

type apiKeyRevoke struct {
	change
	Name string `arg:"" help:"Name of the key."`
}

// Run revokes a key.
func (cmd *apiKeyRevoke) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "api_key.revoke"}, func(tx *db.Tx) error { return h.APIKeys.Revoke(tx, cmd.Name) })
		if err != nil {
			return apiKeyError(cmd.Name, err)
		}
		if cmd.JSON {
			return c.json(map[string]any{"name": cmd.Name, "applied": cmd.Apply})
		}
		cmd.report(c, fmt.Sprintf("api-key revoke %s", cmd.Name))
		return nil
	})
}

// apiKeyError puts the refusals about keys into words.
func apiKeyError(name string, err error) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return refuse("there is no API key %q that is not revoked; `parvis api-key list` lists all", name)
	case fault.Is(err, fault.Conflict):
		return refuse("there is or was an API key %q, or there are 100 already; choose another name or revoke one", name)
	case fault.Is(err, fault.Invalid):
		return refuse("API key %q: a name has lower-case letters, digits, dots, dashes and underscores; 64 at most", name)
	default:
		return err
	}
}
