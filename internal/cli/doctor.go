package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"parvis/internal/app"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/keyring"
	"parvis/internal/notify/sms"
	"parvis/internal/notify/smtp"
	"parvis/internal/outbound"
	"parvis/internal/secret"
)

// doctorCmd looks at everything that serving needs.
type doctorCmd struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// finding is what one look found.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning or problem
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

// patient is what is looked at.
type patient struct {
	cfg   *config.Config
	now   func() time.Time
	list  []finding
	wrong error // the key files are not those of the database
}

// patience bounds each look at something far away.
const patience = 10 * time.Second

// Run looks at everything and says what to do.
func (cmd *doctorCmd) Run(ctx context.Context, c *console) error {
	p := &patient{now: c.now}
	var err error
	p.cfg, err = config.Read(c.config, c.environ)
	if err != nil {
		if _, all := c.load(); all != nil {
			return all // the settings that cannot be read, and those that can and are wrong
		}
		return err
	}
	p.configuration(c.config)
	for _, look := range []func(context.Context){p.database, p.keys, p.certificate, p.name, p.mail, p.texts} {
		bounded, cancel := context.WithTimeout(ctx, patience)
		look(bounded)
		cancel()
	}
	problems := 0
	for _, f := range p.list {
		if f.State == "problem" {
			problems++
		}
	}
	if cmd.JSON {
		if err := c.json(map[string]any{"ok": problems == 0, "findings": p.list}); err != nil {
			return err
		}
	} else {
		for _, f := range p.list {
			c.printf("%-8s %-14s %s\n", f.State, f.Check, f.Found)
			if f.Advice != "" {
				c.printf("%23s → %s\n", "", f.Advice)
			}
		}
	}
	if problems > 0 {
		return refuse("%d of %d checks found a problem", problems, len(p.list))
	}
	return nil
}

func (p *patient) ok(check, format string, args ...any) {
	p.list = append(p.list, finding{Check: check, State: "ok", Found: fmt.Sprintf(format, args...)})
}

func (p *patient) warn(check, advice, format string, args ...any) {
	p.list = append(p.list, finding{Check: check, State: "warning", Found: fmt.Sprintf(format, args...), Advice: advice})
}

func (p *patient) bad(check, advice, format string, args ...any) {
	p.list = append(p.list, finding{Check: check, State: "problem", Found: fmt.Sprintf(format, args...), Advice: advice})
}

func (p *patient) configuration(path string) {
	problems := p.cfg.Problems()
	for _, text := range problems {
		p.bad("configuration", "change it in "+path, "%s", text)
	}
	if len(problems) == 0 {
		p.ok("configuration", "%s can be used", path)
	}
	for _, text := range p.cfg.Deployment.Warnings() {
		p.warn("theme", "choose a darker or lighter colour for deployment.theme", "%s", text)
	}
}

func (p *patient) database(ctx context.Context) {
	if problems := p.cfg.Database.Problems(); len(problems) > 0 {
		return // told already
	}
	d, err := db.Open(ctx, p.cfg.Database, p.now)
	if err == nil {
		defer func() { _ = d.Close() }() // only looked at
		err = d.Ping(ctx)
	}
	if err != nil {
		p.bad("database", "check database.url, that the server runs and that this user may use it", "cannot be used: %v", err)
		return
	}
	p.ok("database", "%s answers", d.Engine())
	s, err := d.Status(ctx)
	switch {
	case err != nil:
		p.bad("migrations", "run: parvis migrate status", "%v", err)
	case len(s.Pending) > 0:
		p.warn("migrations", "run: parvis migrate up (or let serve do it)", "%d to apply", len(s.Pending))
	default:
		p.ok("migrations", "version %d", s.Current)
		if keys, err := p.cfg.Keys.Open(); err == nil { // else keys tells it
			p.wrong = (&keyring.Keyring{DB: d, Keys: keys, Now: p.now, Peppers: app.Peppers{Keys: keys}.Needed}).Verify(ctx)
			p.peppers(ctx, d, keys)
		}
	}
	skew, err := d.ClockSkew(ctx)
	switch {
	case err != nil:
		p.bad("clock", "try again", "the database's clock cannot be read: %v", err)
	case skew.Abs() > 2*time.Second:
		p.bad("clock", "start time synchronisation (chrony, systemd-timesyncd) here and on the database's machine", "differs from the database's by %s", skew.Round(time.Millisecond))
	default:
		p.ok("clock", "agrees with the database's to %s", skew.Abs().Round(time.Millisecond))
	}
}

// peppers tells how far the change of the pepper has come.
func (p *patient) peppers(ctx context.Context, d *db.DB, keys *secret.Keys) {
	ids := keys.PepperIDs()
	uses := map[string]app.Use{}
	err := d.Read(ctx, func(tx *db.Tx) error {
		for _, id := range append([]string{""}, ids...) {
			use, err := app.Peppers{Keys: keys}.Use(tx, id)
			if err != nil {
				return err
			}
			uses[id] = use
		}
		return nil
	})
	if err != nil {
		p.bad("pepper", "try again", "%v", err)
		return
	}
	oldest, before := uses[ids[len(ids)-1]], uses[""] // what was made before there were ids needs the oldest
	uses[ids[len(ids)-1]] = app.Use{Passwords: oldest.Passwords + before.Passwords, BackupCodes: oldest.BackupCodes + before.BackupCodes}
	for i, id := range ids[1:] {
		file := p.cfg.Keys.PepperFiles[i+1]
		if use := uses[id]; use.Any() {
			p.warn("pepper", "keep the file; see \"Keys and secrets\" in docs/operations.md",
				"%d verifier(s) of passwords and %d set(s) of backup codes remain on the older pepper %s (%s)", use.Passwords, use.BackupCodes, id, file)
		} else {
			p.warn("pepper", "take it out of keys.pepper_files", "no verifier remains on the older pepper %s (%s)", id, file)
		}
	}
	use := uses[ids[0]]
	p.ok("pepper", "%d verifier(s) of passwords and %d set(s) of backup codes have the newest pepper %s", use.Passwords, use.BackupCodes, ids[0])
}

func (p *patient) keys(context.Context) {
	if _, err := p.cfg.Keys.Open(); err != nil {
		p.bad("keys", "keys.root_files, keys.pepper_files", "%v", err)
		return
	}
	if p.wrong != nil {
		p.bad("keys", "keys.root_files, keys.pepper_files, database.url", "%v", p.wrong)
		return
	}
	p.ok("keys", "%d root key(s) and %d pepper(s) can be read by this user only", len(p.cfg.Keys.RootFiles), len(p.cfg.Keys.PepperFiles))
}

func (p *patient) certificate(context.Context) {
	files := p.cfg.Server.TLS
	if files.CertificateFile == "" {
		if len(p.cfg.Server.Proxy.Trusted) > 0 {
			p.ok("certificate", "a proxy ends TLS")
		}
		return
	}
	pair, err := tls.LoadX509KeyPair(files.CertificateFile, files.KeyFile)
	if err != nil {
		p.bad("certificate", "server.tls.certificate_file, server.tls.key_file", "%v", err)
		return
	}
	if info, err := os.Stat(files.KeyFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		p.bad("certificate", "chmod 0640 "+files.KeyFile, "everybody may read the private key")
	}
	u, err := url.Parse(p.cfg.Server.PublicURL)
	if err == nil {
		if err := pair.Leaf.VerifyHostname(u.Hostname()); err != nil {
			p.bad("certificate", "use a certificate for "+u.Hostname(), "%v", err)
			return
		}
	}
	left := pair.Leaf.NotAfter.Sub(p.now())
	days := int(left.Hours() / 24)
	ends := pair.Leaf.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		p.bad("certificate", "renew it; the new files are read by themselves", "ended on %s", ends)
	case days < 30:
		p.warn("certificate", "renew it; the new files are read by themselves", "ends in %d days, on %s", days, ends)
	default:
		p.ok("certificate", "valid until %s", ends)
	}
}

func (p *patient) name(ctx context.Context) {
	u, err := url.Parse(p.cfg.Server.PublicURL)
	if err != nil || u.Hostname() == "" {
		return // told already
	}
	addresses, err := (&net.Resolver{}).LookupHost(ctx, u.Hostname())
	if err != nil {
		p.bad("name", "add the name to the DNS, or correct server.public_url", "%s cannot be found: %v", u.Hostname(), err)
		return
	}
	p.ok("name", "%s is %v", u.Hostname(), addresses)
}

func (p *patient) mail(ctx context.Context) {
	if len(p.cfg.Mail.Problems()) > 0 {
		return // told already
	}
	t := &smtp.Transport{Settings: p.cfg.Mail}
	defer t.Close()
	err := t.Check(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s: %w", patience, err)
	}
	if err != nil {
		p.bad("mail", "check mail.server.host, port, tls, username and password_file, and that this machine may connect", "%s:%d: %v", p.cfg.Mail.Server.Host, p.cfg.Mail.Server.Port, err)
		return
	}
	p.ok("mail", "%s:%d accepts this sender's connection (%s)", p.cfg.Mail.Server.Host, p.cfg.Mail.Server.Port, p.cfg.Mail.Server.TLS)
}

func (p *patient) texts(ctx context.Context) {
	c := p.cfg
	if len(c.Texts.Problems())+len(c.Outbound.Problems()) > 0 {
		return // told already
	}
	if !c.Texts.Offered() {
		p.ok("texts", "no provider: codes by text message and call are not offered")
		return
	}
	client, err := outbound.New(c.Outbound, nil)
	if err != nil {
		p.bad("texts", "outbound.ca_file", "%v", err)
		return
	}
	defer client.Close()
	provider, err := sms.New(c.Texts, client, p.now)
	if err == nil {
		err = provider.Check(ctx)
	}
	if err != nil {
		p.bad("texts", "check texts.provider, its key_file and ids, and that this machine may connect; for an address inside, outbound.allow", "%s: %v", c.Texts.Provider, err)
		return
	}
	p.ok("texts", "%s accepts this key", c.Texts.Provider)
}
