package demo

import (
	"net"
	"strconv"
	"time"

	"parvis/internal/db"
	"parvis/internal/demo/bank"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/upstream"
)

// bankID is the bank among the sign-in partners; bankClient is how it knows us.
const (
	bankID     = "northland-bank"
	bankClient = "government-sign-in"
)

// Partner is one sign-in partner, as the ready file names it.
type Partner struct {
	Name      string          `json:"name"`
	URL       string          `json:"url"` // its issuer; faults are chosen at /faults and /faults.json below it
	Customers []bank.Customer `json:"customers"`

	names i18n.Text
}

// openBank makes the bank, which knows of us what any provider knows of a client.
func (d *demonstration) openBank() (*bank.Bank, error) {
	return bank.New(bank.Settings{
		Issuer: d.bankURL, Texts: d.words.bundle, Now: d.clock.Now,
		Client: bank.Client{ID: bankClient, RedirectURI: d.issuer + upstream.CallbackPath(bankID), SignedOutURI: d.issuer + upstream.SignedOutPath(bankID), KeysURL: d.issuer + protocol.PathJWKS},
	})
}

// upstream registers the bank as a deployment's configuration would. A sign-in
// there is worth one step, whatever the bank says of it.
func (d *demonstration) upstream() upstream.Settings {
	return upstream.Settings{
		ID: bankID, Name: d.say("demo.bank.name"), Brand: d.say("demo.bank.name"), Help: d.say("demo.bank.help"),
		Issuer: d.bankURL, MaxAge: time.Hour,
		OIDC: upstream.OIDCSettings{ClientID: bankClient, Claims: []string{"acr", "auth_time"}, ACRValues: []string{bank.ACRApp}, RequireIss: true},
	}
}

// say is a text in every language.
func (d *demonstration) say(key string) i18n.Text {
	out := i18n.Text{}
	for _, l := range i18n.Langs() {
		out[string(l)] = d.words.bundle.Tr(l).T(key)
	}
	return out
}

// hostNetwork is the network of one loopback address.
func hostNetwork(bind string) string {
	bits := 8 * net.IPv6len
	if net.ParseIP(bind).To4() != nil {
		bits = 8 * net.IPv4len
	}
	return bind + "/" + strconv.Itoa(bits)
}

// partners are the sign-in partners in the order of the ready file.
func (d *demonstration) partners() []Partner {
	names := d.say("demo.bank.name")
	return []Partner{{Name: names.In(i18n.English), URL: d.bankURL, Customers: bank.Customers(), names: names}}
}

// customerOf is the customer of the bank that a person is.
func customerOf(p Person) (bank.Customer, bool) {
	for _, c := range bank.Customers() {
		if c.ID == p.Customer {
			return c, true
		}
	}
	return bank.Customer{}, false
}

// link ties what a new person is at the bank to the account.
func (d *demonstration) link(tx *db.Tx, one casting, a id.Account) error {
	c, ok := customerOf(one.Person)
	if !ok {
		return nil
	}
	return d.house.Links.Link(tx, one.link, a, d.bankURL, c.Subject)
}

// relink follows the bank to another port: a database that was kept may know it by
// the one that it had before. A link that its owner has taken away stays away.
func (d *demonstration) relink(tx *db.Tx, one casting, a id.Account) error {
	c, ok := customerOf(one.Person)
	if !ok {
		return nil
	}
	links, err := d.house.Links.List(tx, a)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Subject != c.Subject || l.Issuer == d.bankURL {
			continue
		}
		if _, taken, err := d.house.Links.Find(tx, d.bankURL, c.Subject); err != nil || taken {
			return err
		}
		if _, err := d.house.Links.Unlink(tx, a, l.ID); err != nil {
			return err
		}
		return d.link(tx, one, a)
	}
	return nil
}
