package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"parvis/internal/challenge"
	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// configure is the demonstration's configuration: the preset parvis, and
// everything that a deployment must say for itself.
func (d *demonstration) configure() (*config.Config, *secret.Keys, error) {
	root, err := d.key("demo-root.key")
	if err != nil {
		return nil, nil, err
	}
	pepper, err := d.key("demo-pepper.key")
	if err != nil {
		return nil, nil, err
	}
	keys, err := secret.NewKeys(pepper, root)
	if err != nil {
		return nil, nil, fmt.Errorf("demo: %w", err)
	}
	c := config.Preset("parvis")
	c.Server.PublicURL = d.issuer
	c.Server.StopTimeout = 3 * time.Second
	c.Server.OperationsListen = ""
	c.Database.URL = "sqlite:" + filepath.Join(d.Dir, "parvis.db")
	c.Deployment.Owner = i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"}
	c.Deployment.Support.Email = "help@northland.example"
	c.Public.ContactDesk = "desk@northland.example"
	c.Flow.PerIP *= 100
	c.Mail.From = "noreply@northland.example"
	manyFromHere(&c.Limits)
	if d.Challenge != "" {
		c.Challenge.When = challenge.When(d.Challenge)
	}
	c.Outbound.Allow = append(c.Outbound.Allow, hostNetwork(d.Bind)) // the bank is on this machine
	c.Upstreams = append(c.Upstreams, d.upstream())
	for _, s := range d.services {
		s.ClientSecret = secret.NewToken()
		c.Partners = append(c.Partners, d.partner(s))
	}
	if d.Crowded {
		for i := range crowdServices {
			c.Partners = append(c.Partners, crowdService(i))
		}
	}
	for _, a := range d.added {
		if problem := a.unfit(&c); problem != nil {
			return nil, nil, problem
		}
		c.Partners = append(c.Partners, a.settings)
	}
	return &c, keys, nil
}

// key reads or makes a key file of the demonstration; serve refuses such keys.
func (d *demonstration) key(name string) ([]byte, error) {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("demo: --dir: %w", err)
	}
	key, err := config.DemoKey(filepath.Join(d.Dir, name))
	if err != nil {
		return nil, fmt.Errorf("demo: --dir: %w", err)
	}
	return key, nil
}

// partner registers an example service as a deployment's configuration would.
func (d *demonstration) partner(s *service) relyingparty.Settings {
	text := func(key string) i18n.Text { return d.texts(s.Key, key) }
	return relyingparty.Settings{
		ID: s.ClientID, Name: text("name"), Department: text("department"), Description: text("description"),
		RedirectURIs: []string{s.URL + "/callback"}, PostLogoutRedirectURIs: []string{s.URL + "/signed-out"},
		StartURL: s.URL + "/", InitiateLoginURI: s.URL + "/login",
		Secret: s.ClientSecret, Scopes: s.Scopes, ACR: s.demanded(), Listed: true,
		Support: relyingparty.Support{
			Name: text("department"), Email: s.Key + "@northland.example", Phone: "555 0100",
		},
	}
}

// texts are an example service's words in every language.
func (d *demonstration) texts(service, key string) i18n.Text {
	return d.say("demo.service." + service + "." + key)
}

// start migrates, seeds and starts the background work. What is slow (making the
// signing keys, hashing the password) is done side by side.
func (d *demonstration) start(ctx context.Context) error {
	var all []casting
	var work errgroup.Group
	work.Go(func() (err error) {
		all, err = d.prepare(ctx)
		return err
	})
	work.Go(func() error {
		if _, err := d.house.DB.Migrate(ctx); err != nil {
			return err
		}
		return d.house.Start(ctx)
	})
	if err := work.Wait(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := d.seed(ctx, all); err != nil {
		return err
	}
	if err := d.crowd(ctx); err != nil {
		return err
	}
	return d.delivered(ctx)
}

// manyFromHere lifts the limits per network address and per browser a hundredfold:
// everybody in a demonstration comes from the same one. Limits per e-mail address stay.
func manyFromHere(l *ratelimit.Settings) {
	for _, limit := range []*ratelimit.Limit{
		&l.SigninIP, &l.SigninAddressIP, &l.SigninBurst, &l.SigninBrowser, &l.EnrollmentIP, &l.ResetIP, &l.WaysIP, &l.CodeIP, &l.SendIP, &l.SetUpIP, &l.LinkIP,
		&l.ContactIP, &l.PartnerIP, &l.FlowIP, &l.AuthorizeIP, &l.TokenIP, &l.DeviceIP, &l.DeviceBrowser, &l.RequestIP,
		&l.SuspectSigninIP, &l.SuspectEnrollmentIP, &l.SuspectResetIP, &l.SuspectContactIP, &l.ChallengeMailIP,
	} {
		limit.Count *= 100
	}
}
