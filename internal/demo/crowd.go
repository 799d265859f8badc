package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// With Options.Crowded there is one person more, whose account holds as much as an
// account can: pages are looked at with what people really have after ten years, and
// not with one address and one service.

// How much the crowded account holds.
const (
	crowdDays     = 30 // of activity
	crowdPerDay   = 7  // events
	crowdSessions = 12
	crowdServices = 15
)

// crowdedEmail is long, as addresses of people with two family names at work are.
const crowdedEmail = "marguerite-genevieve.vaillancourt-desrochers@secretariat.northland.example"

// crowdService is a service that nobody runs; only its registration is there.
func crowdService(i int) relyingparty.Settings {
	n := strconv.Itoa(i + 1)
	origin := "https://service-" + n + ".northland.example"
	names := []i18n.Text{
		{"en": "Online renewal of driver’s licences and vehicle registrations", "fr": "Renouvellement des permis de conduire et de l’immatriculation des véhicules"},
		{"en": "Grants for the energy retrofit of homes", "fr": "Programme de subventions à la rénovation écoénergétique résidentielle"},
		{"en": "Birth, marriage and death certificates", "fr": "Certificats de naissance, de mariage et de décès"},
		{"en": "Register of apprentices", "fr": "Registre de l’apprentissage et de la reconnaissance professionnelle"},
	}
	departments := []i18n.Text{
		{"en": "Ministry of Transport", "fr": "Ministère des Transports et de la Mobilité durable"},
		{"en": "Ministry of Energy", "fr": "Ministère de l’Énergie, de l’Environnement et de la Lutte contre les changements climatiques"},
	}
	numbered := i18n.Text{}
	for lang, text := range names[i%len(names)] {
		numbered[lang] = text + " (" + n + ")"
	}
	return relyingparty.Settings{
		ID: "crowd-" + n, Name: numbered, Department: departments[i%len(departments)],
		RedirectURIs: []string{origin + "/callback"}, StartURL: origin + "/", Secret: secret.NewToken(), Scopes: []string{"openid", "email"},
	}
}

// crowdedPerson is who has all of it, in French.
func crowdedPerson() Person {
	return Person{Email: crowdedEmail, State: stateCrowded, Method: methodBySeveral, Secret: knownSecret, Number: "+14185550167", Codes: []string{backupcode.Grouped(knownCodes()[0])}}
}

// crowdBrowsers are what browsers call themselves, usual and odd.
func crowdBrowsers() []string {
	return []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
		"curl/8.5.0", "", "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.8.3", "<script>alert(1)</script>",
	}
}

// crowd fills the account of one person, unless it is full already.
func (d *demonstration) crowd(ctx context.Context) error {
	if !d.Crowded {
		return nil
	}
	addr, err := account.ParseAddress(crowdedEmail)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	var owner account.Account
	var addresses []account.Email
	err = d.house.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if owner, _, err = d.house.Accounts.ByAddress(tx, addr); err == nil {
			addresses, err = d.house.Accounts.Addresses(tx, owner.ID)
		}
		return err
	})
	if err != nil || len(addresses) > 1 {
		return err
	}
	left := d.clock.Ahead()
	defer func() { d.clock.ahead.Store(int64(left)) }()
	held, err := d.crowdDraft(owner.ID)
	if err != nil {
		return err
	}
	for day := crowdDays; day >= 0; day-- {
		d.clock.ahead.Store(int64(left - time.Duration(day)*24*time.Hour))
		err := d.house.DB.Write(ctx, func(tx *db.Tx) error {
			if day == 0 {
				return d.crowdToday(tx, owner.ID, held)
			}
			if err := d.crowdPast(tx, owner.ID, day, held); err != nil {
				return err
			}
			return d.crowdDay(tx, owner.ID, day)
		})
		if err != nil {
			return fmt.Errorf("demo: crowd: %w", err)
		}
	}
	for i, one := range held.sessions { // one each minute: none has been idle for too long
		d.clock.ahead.Store(int64(left - time.Duration(crowdSessions-i)*time.Minute))
		err := d.house.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := d.house.Sessions.Start(tx, one)
			return err
		})
		if err != nil {
			return fmt.Errorf("demo: crowd: %w", err)
		}
	}
	return nil
}

// crowdDay records what happened on one day.
func (d *demonstration) crowdDay(tx *db.Tx, a id.Account, day int) error {
	browsers := crowdBrowsers()
	names := []audit.Event{
		{Name: audit.PasswordFailed, Outcome: audit.Refused},
		{Name: audit.SigninSucceeded, Outcome: audit.Success},
		{Name: audit.MethodUsed, Outcome: audit.Success, Data: map[string]string{"type": string(authenticator.TOTP)}},
		{Name: audit.CodeIssued, Outcome: audit.Success},
		{Name: audit.OneTimeCodeSent, Outcome: audit.Success, Data: map[string]string{"channel": "email"}},
		{Name: audit.BrowserRemembered, Outcome: audit.Success},
		{Name: audit.Signout, Outcome: audit.Success},
	}
	for i := range crowdPerDay {
		e := names[i%len(names)]
		e.Account, e.Personal = a, audit.Personal{IP: "192.0.2.1", UserAgent: browsers[(day+i)%len(browsers)]}
		if e.Name == audit.CodeIssued {
			e.RelyingParty = id.RelyingParty(crowdService(day % crowdServices).ID)
		}
		if err := d.house.Audit.Record(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// crowdHeld is what is made before the transaction.
type crowdHeld struct {
	addresses []account.Addr
	rows      []id.Address
	sessions  []session.New
	apps      []totp.Draft
	phones    []phone.Draft
}

func (d *demonstration) crowdDraft(a id.Account) (out crowdHeld, err error) {
	for i := 1; i < d.house.Config.Account.Addresses; i++ {
		addr, err := account.ParseAddress(fmt.Sprintf("marguerite-genevieve.vaillancourt-desrochers+number%d@mail.northland.example", i))
		if err != nil {
			return crowdHeld{}, fmt.Errorf("demo: %w", err)
		}
		out.addresses, out.rows = append(out.addresses, addr), append(out.rows, id.New[id.Address]())
	}
	seen := [][2]string{{"Firefox", "Linux"}, {"Safari", "iPhone"}, {"Chrome", "Android"}, {"Edge", "Windows"}, {"", ""}, {"Chrome", ""}}
	for i := range crowdSessions {
		one := session.Prepare(a, policy.Facts{Password: d.clock.Now()})
		one.Browser, one.System = seen[i%len(seen)][0], seen[i%len(seen)][1]
		out.sessions = append(out.sessions, one)
	}
	for range d.house.Config.Methods.Limits.Apps - 1 { // one it has already
		out.apps = append(out.apps, totp.Prepare())
	}
	for i := range d.house.Config.Methods.Limits.Phones - 1 {
		number, err := d.house.Phones.Settings.Parse(fmt.Sprintf("+1416555%04d", 160+i), "")
		if err != nil {
			return crowdHeld{}, fmt.Errorf("demo: %w", err)
		}
		out.phones = append(out.phones, phone.Prepare(number, authenticator.ByText))
	}
	return out, nil
}

// crowdPast gives the account one address and one service on each of the past days, as
// long as there are some.
func (d *demonstration) crowdPast(tx *db.Tx, a id.Account, day int, held crowdHeld) error {
	h := d.house
	if day <= len(held.addresses) {
		if _, _, err := h.Accounts.Add(tx, a, held.rows[day-1], held.addresses[day-1]); err != nil {
			return err
		}
	}
	if day > crowdServices {
		return nil
	}
	rp := id.RelyingParty(crowdService(day - 1).ID)
	if err := h.Connections.Give(tx, connection.Asked{Account: a, RelyingParty: rp, Claims: []string{"email"}}); err != nil {
		return err
	}
	return h.Connections.Used(tx, a, rp)
}

// crowdToday gives the account its methods.
func (d *demonstration) crowdToday(tx *db.Tx, a id.Account, held crowdHeld) error {
	h := d.house
	for i, app := range held.apps {
		if err := h.Apps.Bind(tx, a, app, "Application du téléphone de Marguerite-Geneviève, "+strconv.Itoa(i+1), 0); err != nil {
			return err
		}
	}
	for i, p := range held.phones {
		if err := h.Phones.Bind(tx, a, p, "Téléphone du bureau régional de Saint-Hyacinthe "+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	return nil
}
