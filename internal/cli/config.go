package cli

import (
	"encoding/json"
	"fmt"

	"parvis/internal/config"
)

// initCmd writes a first configuration.
type initCmd struct {
	Dir       string `help:"Folder for the configuration and the keys." default:"/etc/parvis" type:"path" placeholder:"DIR"`
	Data      string `help:"Folder for the database." default:"/var/lib/parvis" type:"path" placeholder:"DIR"`
	PublicURL string `help:"Address people use, if it is known already." name:"public-url" placeholder:"URL"`
	Preset    string `help:"Numbers and policies to begin with: ${enum}." enum:"parvis,ontario,logingov" default:"parvis"`
}

// Run writes the files.
func (cmd *initCmd) Run(c *console) error {
	written, err := config.Init(config.First{Dir: cmd.Dir, Data: cmd.Data, Preset: cmd.Preset, PublicURL: cmd.PublicURL})
	if err != nil {
		return err
	}
	for _, path := range written {
		c.printf("wrote %s\n", path)
	}
	c.printf("\nNext:\n  1. Edit %[1]s: public_url, owner, contact desk, mail server, TLS or proxy.\n"+
		"  2. parvis --config %[1]s config check, which lists what is missing\n  3. parvis --config %[1]s doctor\n"+
		"  4. parvis --config %[1]s serve\n\n", written[0])
	c.printf("Keep copies of the key files apart from copies of the database: without them nobody can sign in,\nand whoever has both can read every address.\n")
	return nil
}

// configCmd groups the commands about the configuration.
type configCmd struct {
	Check configCheck `cmd:"" help:"List everything that must be changed before serving."`
	Show  configShow  `cmd:"" help:"Print every setting in force, secrets masked."`
	Docs  configDocs  `cmd:"" help:"Print the meaning and the default of every setting."`
}

type configCheck struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run checks the configuration.
func (cmd *configCheck) Run(c *console) error {
	_, err := c.load()
	if cmd.JSON {
		problems := []string{}
		if wrong, ok := asConfig(err); ok {
			problems = wrong.Problems
		} else if err != nil {
			problems = []string{err.Error()}
		}
		if jsonErr := c.json(map[string]any{"file": c.config, "ok": err == nil, "problems": problems}); jsonErr != nil {
			return jsonErr
		}
		if err != nil {
			return refuse("the configuration cannot be used")
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.printf("%s can be used.\n", c.config)
	return nil
}

type configShow struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run prints the settings in force.
func (cmd *configShow) Run(c *console) error {
	cfg, err := config.Read(c.config, c.environ)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return c.json(cfg.Show())
	}
	c.printf("%s", cfg.ShowText())
	return nil
}

type configDocs struct{}

// Run prints the documentation.
func (cmd *configDocs) Run(c *console) error {
	c.printf("%s", config.Docs())
	return nil
}

// json prints an answer for scripts.
func (c *console) json(value any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	return nil
}
