package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"parvis/internal/config"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// added is a service that somebody brought along: it runs elsewhere, and the
// demonstration only registers it.
type added struct {
	file     string
	settings relyingparty.Settings
	made     string // the client secret that was made here, "" for none
}

// readPartners reads the files of --partner before anything else is done.
func readPartners(files []string) ([]*added, error) {
	var out []*added
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("demo: --partner: %w", err)
		}
		all, err := config.ParsePartners(file, text)
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			out = append(out, newAdded(file, s))
		}
	}
	return out, nil
}

func readFile(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, config.MaxPartners+1)) // ParsePartners refuses one that is longer
}

// newAdded gives a service that needs a client secret and has none one of its own.
func newAdded(file string, s relyingparty.Settings) *added {
	a := &added{file: file, settings: s}
	bySecret := s.Auth == "" || relyingparty.AuthMethod(s.Auth).UsesSecret()
	if bySecret && s.Secret == "" && len(s.SecretSHA256) == 0 {
		a.made = secret.NewToken()
		a.settings.Secret = a.made
	}
	return a
}

// unfit refuses a service whose id another one has, or that demands what nobody can reach here.
func (a *added) unfit(c *config.Config) error {
	problems := c.Demands(a.settings)
	for _, other := range c.Partners {
		if other.ID == a.settings.ID {
			problems = append(problems, fmt.Sprintf("partners[%s].id: another service of this demonstration has this id; choose another one", a.settings.ID))
		}
	}
	if len(problems) > 0 {
		return &config.Error{Path: a.file, Problems: problems}
	}
	return nil
}

// service is what the ready file says of it.
func (a *added) service() Service {
	demand := []string{"sign-in"}
	for _, scope := range a.settings.Scopes {
		if scope != "openid" {
			demand = append(demand, scope)
		}
	}
	return Service{URL: a.door(), Demand: strings.Join(demand, ", "), ClientID: a.settings.ID, ClientSecret: a.made, names: a.settings.Name}
}

// door is where a person begins at the service, as far as its registration tells.
func (a *added) door() string {
	for _, known := range []string{a.settings.StartURL, a.settings.InitiateLoginURI, a.settings.ReturnURL} {
		if known != "" {
			return known
		}
	}
	origin := relyingparty.Origin(a.settings.RedirectURIs[0]) // ParsePartners wants one
	if strings.HasPrefix(origin, "http") {
		return origin + "/"
	}
	return ""
}

// clients is what the teams of the added services configure.
func (d *demonstration) clients() [][]string {
	rows := [][]string{{"Registered for you", "client_id", "Client secret"}}
	for _, a := range d.added {
		rows = append(rows, []string{a.service().names.In("en"), a.settings.ID, a.secretText()})
	}
	return rows
}

func (a *added) secretText() string {
	switch {
	case a.made != "":
		return a.made
	case a.settings.Auth == string(relyingparty.AuthPrivateKeyJWT):
		return "none: it signs with its key"
	case a.settings.Auth == string(relyingparty.AuthNone):
		return "none: a public client"
	default:
		return "as in " + a.file
	}
}
