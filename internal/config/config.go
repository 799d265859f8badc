// Package config is the one configuration of a deployment.
//
// It composes the Settings that every package declares for itself, reads them
// from one YAML file over a preset, lets the environment override them, reads
// the secrets that stand in files, and refuses to go on while anything is
// missing or unsafe: Load returns all problems at once, each with the exact
// setting to change. It renders its own documentation from the comments of the
// fields, and writes the first configuration and key files (Init).
//
// Only app, demo and cli import it: every other package gets its own Settings.
package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"parvis/internal/account"
	"parvis/internal/activity"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/backchannel"
	"parvis/internal/challenge"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/keyring"
	"parvis/internal/leaving"
	"parvis/internal/notify"
	"parvis/internal/notify/sms"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/registration"
	"parvis/internal/oidc/token"
	"parvis/internal/outbound"
	"parvis/internal/policy"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/unused"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
	"parvis/internal/web/portal"
)

// Config is everything that can be set.
type Config struct {
	// Preset sets all numbers and policies at once: parvis, ontario or logingov.
	Preset string `yaml:"preset"`
	// Server is how the service is reached.
	Server Server `yaml:"server"`
	// Database is where everything is kept.
	Database db.Settings `yaml:"database"`
	// Keys are the key files.
	Keys Keys `yaml:"keys"`
	// Deployment is who runs the service, and how it looks.
	Deployment kit.Settings `yaml:"deployment"`
	// Languages are the languages offered, the default first: en, fr.
	Languages []string `yaml:"languages"`
	// Public are the deployment's words for the public pages.
	Public portal.Settings `yaml:"public"`
	// Mail is how e-mail is sent.
	Mail notify.Settings `yaml:"mail"`
	// Texts is how one-time codes go out as text messages and calls.
	Texts sms.Settings `yaml:"texts"`
	// Outbound bounds what the service calls by HTTP: providers, partners, webhooks.
	Outbound outbound.Settings `yaml:"outbound"`
	// Account are the rules of accounts and their lock.
	Account account.Settings `yaml:"account"`
	// Password is what a password must be, and how it is hashed.
	Password password.Settings `yaml:"password"`
	// Methods are the methods of the second step.
	Methods Methods `yaml:"methods"`
	// Session is how long people stay signed in.
	Session session.Settings `yaml:"session"`
	// Policy is what services may demand, what proves it, and what this deployment demands always.
	Policy policy.Settings `yaml:"policy"`
	// Flow is how long a journey through the pages may take.
	Flow flow.Settings `yaml:"flow"`
	// Signin are the numbers of signing in.
	Signin signin.Settings `yaml:"signin"`
	// Assist are the numbers of what the staff does for people who ask for it.
	Assist assist.Settings `yaml:"assist"`
	// Leaving are the numbers of accounts that end.
	Leaving leaving.Settings `yaml:"leaving"`
	// Unused says what becomes of accounts that nobody uses.
	Unused unused.Settings `yaml:"unused"`
	// OIDC are the numbers of the OpenID Connect endpoints.
	OIDC OIDC `yaml:"oidc"`
	// Keyring is how long signing keys are used.
	Keyring keyring.Settings `yaml:"keyring"`
	// Limits are how often something may happen before it is refused for a while.
	Limits ratelimit.Settings `yaml:"limits"`
	// Challenge is the check that a form is not sent by a program.
	Challenge challenge.Settings `yaml:"challenge"`
	// Audit is how long security events keep what is personal.
	Audit audit.Settings `yaml:"audit"`
	// Activity is what people are shown of what happened to their account.
	Activity activity.Settings `yaml:"activity"`
	// Partners are services that may use the sign-in service. They are read only for the commands; `parvis partner add` keeps others in the database.
	Partners []relyingparty.Settings `yaml:"partners"`
	// Upstreams are sign-in partners: who lets people sign in here with what they have elsewhere. They are read only for the commands; `parvis upstream add` keeps others in the database.
	Upstreams []upstream.Settings `yaml:"upstreams"`
}

// Methods are the limits on methods and the numbers of each.
type Methods struct {
	Limits authenticator.Settings `yaml:",inline"` // how many there can be, and how wrong codes are counted
	// App are the numbers of authenticator apps.
	App totp.Settings `yaml:"app"`
	// BackupCode are the numbers of backup codes.
	BackupCode backupcode.Settings `yaml:"backup_code"`
	// Phone says which telephone numbers are accepted.
	Phone phone.Settings `yaml:"phone"`
	// Code are the numbers of one-time codes by e-mail, text and call.
	Code otp.Settings `yaml:"code"`
}

// OIDC are the numbers of consent, of codes and tokens, and of the endpoints.
type OIDC struct {
	Connection  connection.Settings  `yaml:",inline"`            // how long people's agreements to share last
	Grant       grant.Settings       `yaml:",inline"`            // how long what services receive can be used
	Pushed      pushed.Settings      `yaml:"pushed_requests"`    // authorization requests that services push beforehand
	Machine     machine.Settings     `yaml:",inline"`            // what is demanded of services that call
	Device      device.Settings      `yaml:"device"`             // devices without a browser
	CIBA        ciba.Settings        `yaml:"ciba"`               // services ask people to confirm who are not in front of them
	Backchannel backchannel.Settings `yaml:"backchannel_logout"` // services are told that a session ended
	Token       token.Settings       `yaml:",inline"`            // the documents and the ID token
	// Registration says whether and how services may register themselves (RFC 7591).
	Registration registration.Settings `yaml:"registration"`
}

// Presets are the names of the presets, the default first.
func Presets() []string { return []string{"parvis", "ontario", "logingov"} }

// Preset is the configuration that a preset begins with. It is not complete:
// addresses, names and keys are the deployment's own.
func Preset(name string) Config {
	return Config{
		Preset:     name,
		Server:     serverPreset(),
		Database:   db.Preset(name),
		Deployment: kit.Preset(name),
		Languages:  []string{"en", "fr"},
		Public:     portal.Preset(name),
		Mail:       notify.Preset(name),
		Texts:      sms.Preset(name),
		Outbound:   outbound.Preset(name),
		Account:    account.Preset(name),
		Password:   password.Preset(name),
		Methods:    methodsPreset(name),
		Session:    session.Preset(name),
		Policy:     policy.Preset(name),
		Flow:       flow.Preset(name),
		Signin:     signin.Preset(name),
		Assist:     assist.Preset(name),
		Leaving:    leaving.Preset(name),
		Unused:     unused.Preset(name),
		OIDC:       OIDC{Connection: connection.Preset(name), Grant: grant.Preset(name), Pushed: pushed.Preset(name), Machine: machine.Preset(name), Backchannel: backchannel.Preset(name), Device: device.Preset(name), CIBA: ciba.Preset(name), Token: token.Preset(name), Registration: registration.Preset(name)},
		Keyring:    keyring.Preset(name),
		Limits:     ratelimit.Preset(name),
		Challenge:  challenge.Preset(name),
		Audit:      audit.Preset(name),
		Activity:   activity.Preset(name),
	}
}

func methodsPreset(name string) Methods {
	return Methods{Limits: authenticator.Preset(name), App: totp.Preset(name), BackupCode: backupcode.Preset(name), Phone: phone.Preset(name), Code: otp.Preset(name)}
}

// sections are the parts that judge themselves, by their name in the file.
func (c *Config) sections() []section {
	return []section{
		{"server", c.Server.Problems()},
		{"database", c.Database.Problems()},
		{"deployment", c.Deployment.Problems()},
		{"public", c.Public.Problems()},
		{"mail", c.Mail.Problems()},
		{"texts", c.Texts.Problems()},
		{"outbound", c.Outbound.Problems()},
		{"account", c.Account.Problems()},
		{"password", slices.Concat(c.Password.Problems(), breachedProblems(c.Password.BreachedFile))},
		{"methods", c.Methods.Limits.Problems()},
		{"methods.app", c.Methods.App.Problems()},
		{"methods.backup_code", c.Methods.BackupCode.Problems()},
		{"methods.phone", c.Methods.Phone.Problems()},
		{"methods.code", c.Methods.Code.Problems()},
		{"session", c.Session.Problems()},
		{"policy", c.Policy.Problems()},
		{"flow", c.Flow.Problems()},
		{"signin", c.Signin.Problems()},
		{"assist", c.Assist.Problems()},
		{"leaving", c.Leaving.Problems()},
		{"unused", c.Unused.Problems()},
		{"oidc", slices.Concat(c.OIDC.Connection.Problems(), c.OIDC.Grant.Problems(), c.OIDC.Token.Problems(), c.mtls())},
		{"oidc.pushed_requests", c.OIDC.Pushed.Problems()},
		{"oidc.device", c.OIDC.Device.Problems()},
		{"oidc.ciba", c.OIDC.CIBA.Problems()},
		{"oidc.backchannel_logout", c.OIDC.Backchannel.Problems()},
		{"oidc.registration", c.OIDC.Registration.Problems()},
		{"keyring", c.Keyring.Problems()},
		{"limits", c.Limits.Problems()},
		{"challenge", c.Challenge.Problems()},
		{"audit", c.Audit.Problems()},
		{"activity", placeProblems(c.Activity.PlaceDatabase)},
	}
}

type section struct {
	name     string
	problems []string
}

// Error lists everything that must be changed before the configuration can be used.
type Error struct {
	Path     string // the file, "" when there was none
	Problems []string
}

// Error lists the problems, one a line.
func (e *Error) Error() string {
	var b strings.Builder
	name := e.Path
	if name == "" {
		name = "the configuration"
	}
	things := fmt.Sprintf("%d settings", len(e.Problems))
	if len(e.Problems) == 1 {
		things = "1 setting"
	}
	fmt.Fprintf(&b, "%s cannot be used, %s to change:", name, things)
	for _, p := range e.Problems {
		b.WriteString("\n  - " + p)
	}
	return b.String()
}

// Load reads a file over its preset, applies the environment ("NAME=value"
// entries) and the secret files, and checks everything. The error is an *Error
// when settings must be changed.
func Load(path string, environ []string) (*Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	c, unread := parse(text, environ)
	problems := slices.Clone(unread)
	if c != nil { // what could not be read stands as the preset has it, so the rest can be judged
		for _, p := range c.Problems() {
			if !slices.ContainsFunc(unread, func(known string) bool { return sameSetting(known, p) }) {
				problems = append(problems, p)
			}
		}
	}
	if len(problems) > 0 {
		return nil, &Error{Path: path, Problems: problems}
	}
	return c, nil
}

// sameSetting reports whether two problems are about one setting: what could not
// be read into it makes everything else that is said of it void.
func sameSetting(a, b string) bool {
	setting := func(problem string) string {
		name, _, _ := strings.Cut(problem, ": ")
		return strings.TrimSuffix(name, "_file")
	}
	return setting(a) == setting(b)
}

// Read is Load without the check of the values, for commands that help to repair them.
func Read(path string, environ []string) (*Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text, environ)
}

func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w; `parvis init` writes a configuration, --config names another file", err)
	}
	return text, nil
}

// Parse is Read for a text that was read already.
func Parse(path string, text []byte, environ []string) (*Config, error) {
	c, problems := parse(text, environ)
	if len(problems) > 0 {
		return nil, &Error{Path: path, Problems: problems}
	}
	return c, nil
}

// parse reads what can be read and lists what cannot. An unknown preset is a
// problem among others; the first one stands in for it. There is no
// configuration when the text is no YAML.
func parse(text []byte, environ []string) (*Config, []string) {
	name, problems := presetOf(text, environ)
	c := Preset(name)
	wrong, readable := decode(&c, text)
	problems = append(problems, wrong...)
	if !readable {
		return nil, problems
	}
	problems = append(problems, applyEnv(&c, environ)...)
	problems = append(problems, readSecretFiles(reflect.ValueOf(&c).Elem(), "")...)
	return &c, problems
}
