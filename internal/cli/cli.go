// Package cli is the command line of parvis: one struct per command.
//
// Commands that change something in the database say what they would do and do
// it only with --apply; what they do is audited with the name of whoever runs
// them. Answers go to standard output, everything else to standard error; --json
// gives an answer that scripts can read. Exit codes: 0 done, 1 refused or
// failed, 2 wrong use of the command line.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"parvis/internal/config"
)

// commands is the whole command line.
type commands struct {
	Config string `help:"Configuration file." default:"/etc/parvis/parvis.yaml" env:"PARVIS_CONFIG" type:"path" placeholder:"FILE"`

	Serve        serveCmd             `cmd:"" help:"Run the sign-in service."`
	Demo         demoCmd              `cmd:"" help:"Run a demonstration on this machine: the service, two example services, a bank as sign-in partner, a mailbox."`
	Init         initCmd              `cmd:"" help:"Write a first configuration with comments, and make the keys."`
	ConfigCmds   configCmd            `cmd:"" name:"config" help:"Check, show and explain the configuration."`
	Migrate      migrateCmd           `cmd:"" help:"Bring the database to this version, or show where it is."`
	Doctor       doctorCmd            `cmd:"" help:"Check everything that serving needs, and say what to do."`
	Account      accountCmd           `cmd:"" help:"Look after one person's account."`
	Assist       assistCmd            `cmd:"" help:"Do for people what they asked the staff to do, with two people."`
	Partner      partnerCmd           `cmd:"" help:"Add and change services that use the sign-in service."`
	Upstream     upstreamCmd          `cmd:"" help:"Add and check sign-in partners: what people sign in here with and have elsewhere."`
	Breached     breachedCmd          `cmd:"" help:"Make and show the file of passwords that are known from leaks."`
	Key          keyCmd               `cmd:"" help:"List and rotate the signing keys."`
	APIKey       apiKeyCmd            `cmd:"" name:"api-key" help:"Make, list and revoke keys of the operators' API."`
	Registration registrationTokenCmd `cmd:"" name:"registration-token" help:"Make, list and revoke initial access tokens, with which services register themselves."`
	Bench        benchCmd             `cmd:"" help:"Measure this machine: sign-ins, code flows, exchanges, beside what their parts alone cost."`
	Healthcheck  healthCmd            `cmd:"" help:"Ask the running service whether it is ready; for containers and supervisors."`
	Version      versionCmd           `cmd:"" help:"Print the version."`
	Licenses     licenseCmd           `cmd:"" help:"Print the licences of everything this program is made of."`
}

// console is what a command talks through. It is bound to every command.
type console struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ []string
	config  string
	now     func() time.Time
}

// refused is an error whose text is meant for whoever typed the command; it is printed as it is.
type refused struct{ text string }

func (r refused) Error() string { return r.text }

// refuse makes an error for whoever typed the command.
func refuse(format string, args ...any) error { return refused{fmt.Sprintf(format, args...)} }

// exit carries an exit code out of kong, which would end the process.
type exit struct{ code int }

// Main runs one command and returns its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) (code int) {
	c := &console{in: in, out: out, err: errOut, environ: os.Environ(), now: time.Now}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = e.code
		default:
			panic(e)
		}
	}()
	return run(ctx, c, args)
}

func run(ctx context.Context, c *console, args []string) int {
	var cmds commands
	parser, err := kong.New(&cmds,
		kong.Name("parvis"),
		kong.Description("Parvis, the sign-in service in front of government services."),
		kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { panic(exit{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		c.warnf("parvis: %v\n", err)
		return 2
	}
	chosen, err := parser.Parse(hyphens(parser.Model.Node, meant(args)))
	if err != nil {
		c.warnf("parvis: %v\nTry: parvis --help\n", err)
		return 2
	}
	c.config = cmds.Config
	if err := chosen.Run(); err != nil {
		c.complain(err)
		return 1
	}
	return 0
}

// meant takes help and --version as people type them everywhere.
func meant(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return []string{"version"}
	default:
		return args
	}
}

// complain prints an error for a person.
func (c *console) complain(err error) {
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		c.warnf("%s\n", wrong.Error())
		return
	}
	c.warnf("parvis: %v\n", err)
}

// load reads and checks the configuration.
func (c *console) load() (*config.Config, error) { return config.Load(c.config, c.environ) }

// printf prints to standard output.
func (c *console) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.out, format, args...) // an error there could be told nowhere
}

// warnf prints to standard error.
func (c *console) warnf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.err, format, args...) // as above
}
