package cli

import (
	"os"
	"time"

	"parvis/internal/authenticator/password/breached"
)

// breachedCmd groups the commands about the file of breached passwords.
type breachedCmd struct {
	Build breachedBuild `cmd:"" help:"Make the file of a list of SHA-1 digests, or of plain passwords."`
	Show  breachedShow  `cmd:"" help:"Say how many passwords a file holds and when it was made."`
}

type breachedBuild struct {
	From  string `help:"The list: one SHA-1 digest on each line, sorted, with :COUNT behind it, as that of Have I Been Pwned; - reads standard input." required:"" placeholder:"FILE"`
	Out   string `help:"The file to make; it is put in place when it is whole." required:"" placeholder:"FILE"`
	Plain bool   `help:"The list holds one password on each line, in any order."`
	Least int    `help:"Leave out what was seen less often." placeholder:"COUNT"`
	Width int    `help:"Bytes kept of each digest, 5 to 20." default:"8"`
}

// Run makes a file.
func (cmd *breachedBuild) Run(c *console) error {
	from := c.in
	if cmd.From != "-" {
		f, err := os.Open(cmd.From)
		if err != nil {
			return refuse("--from: %v", err)
		}
		defer func() { _ = f.Close() }() // only read
		from = f
	}
	b, err := breached.Build(cmd.Out, from, breached.Source{Plain: cmd.Plain, Least: cmd.Least, Width: cmd.Width}, c.now())
	if err != nil {
		return refuse("%v", err)
	}
	c.printf("%s: %d passwords of %d lines. Name it in password.breached_file; a running service takes a new one within a minute.\n", cmd.Out, b.Entries, b.Lines)
	return nil
}

type breachedShow struct {
	File string `arg:"" help:"The file."`
	JSON bool   `help:"Answer as JSON." name:"json"`
}

// Run shows a file.
func (cmd *breachedShow) Run(c *console) error {
	f, err := breached.Open(cmd.File)
	if err != nil {
		return refuse("%s: %v", cmd.File, err)
	}
	defer func() { _ = f.Close() }() // the process ends
	entries, made := f.Size()
	if cmd.JSON {
		return c.json(map[string]any{"entries": entries, "made": made})
	}
	c.printf("%d passwords, made %s\n", entries, made.Format(time.RFC3339))
	return nil
}
