package demo

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/demo/bank"
	"parvis/internal/notify/mailbox"
	"parvis/internal/policy"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

// opened is a demonstration that a test looks into, until the test or close ends it.
func opened(t *testing.T, dir string) (d *demonstration, end func()) {
	t.Helper()
	d = &demonstration{
		Options: Options{Bind: "127.0.0.1", Dir: dir, Out: io.Discard, Err: io.Discard, System: time.Now},
		clock:   &Clock{System: time.Now}, box: &mailbox.Box{},
	}
	for _, step := range []func() error{
		func() error { return d.bind(t.Context()) }, func() error { return d.build(t.Context()) }, func() error { return d.start(t.Context()) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	var servers []*http.Server
	for i, h := range d.handlers() {
		s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
		servers = append(servers, s)
		go func() { _ = s.Serve(d.listeners[i]) }()
	}
	return d, func() {
		for _, s := range servers {
			_ = s.Close()
		}
		if err := d.house.Close(); err != nil {
			t.Error(err)
		}
	}
}

// atBank signs in at the bank as the demonstration is configured.
func atBank(t *testing.T, d *demonstration, customer string) (upstream.Assertion, error) {
	t.Helper()
	request, err := d.house.Upstreams.Begin(t.Context(), bankID, upstream.Ask{Lang: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	who := webtest.New(t, network(t, jar), d.bankURL, "en")
	who.Open(request.URL).Must("bank-sign-in", http.StatusOK).MustSay("Banque du Northland", "Lee Shore")
	for _, s := range d.services { // the partner learns nothing of where people go
		who.Page.MustNotSay(s.ClientID, s.URL, strings.TrimPrefix(s.URL, "http://"))
	}
	who.Submit("bank-sign-in", "customer", customer)
	u, err := url.Parse(who.Left)
	if err != nil || !strings.HasPrefix(who.Left, d.issuer+upstream.CallbackPath(bankID)+"?") {
		t.Fatal(who.Left, err)
	}
	return d.house.Upstreams.Finish(t.Context(), request.Pending, upstream.Answer{Params: u.Query(), RawQuery: u.RawQuery})
}

// linkedTo is the address of the account that a sign-in at the bank leads to, "" for none.
func linkedTo(t *testing.T, d *demonstration, a upstream.Assertion) string {
	t.Helper()
	address := ""
	err := d.house.DB.Read(t.Context(), func(tx *db.Tx) error {
		link, ok, err := d.house.Links.Find(tx, a.Issuer, a.Subject)
		if err != nil || !ok {
			return err
		}
		main, err := d.house.Accounts.Mailbox(tx, link.Account)
		address = main.Written
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestTheBankLeadsToTheAccountThatIsLinkedToItsCustomer(t *testing.T) {
	dir := t.TempDir()
	issuer := ""
	for run := range 2 { // the second time at other ports
		d, end := opened(t, dir)
		if d.bankURL == issuer {
			t.Error("the bank is where it was; the test shows nothing")
		}
		issuer = d.bankURL
		for _, p := range d.people {
			c, ok := customerOf(p)
			if (p.Method == methodByPartner) != ok {
				t.Errorf("%+v", p)
			}
			if !ok {
				continue
			}
			a, err := atBank(t, d, c.ID)
			if err != nil {
				t.Fatal(run, err)
			}
			if got := linkedTo(t, d, a); got != p.Email || a.Level != policy.OneStep {
				t.Errorf("run %d: %s leads to %q, worth %v", run, c.Name, got, a.Level)
			}
		}
		other, err := atBank(t, d, bank.Customers()[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := linkedTo(t, d, other); got != "" {
			t.Errorf("a customer without an account leads to %s", got)
		}
		end()
	}
}

func TestTheDemonstrationTellsOfItsBank(t *testing.T) {
	r := running(t)
	if len(r.Partners) != 1 || r.Partners[0].Name != "Northland Bank" || len(r.Partners[0].Customers) != 3 {
		t.Fatalf("%+v", r.Partners)
	}
	linked := r.person(t, methodByPartner)
	if linked.Customer != r.Partners[0].Customers[0].ID || linked.Password == "" {
		t.Errorf("%+v", linked)
	}
	for language, words := range map[string][]string{"en": {"Northland Bank", "Sign-in partners"}, "fr": {"Banque du Northland", "Partenaires de connexion"}} {
		w := walk(t, r, language)
		w.visit(t, r.Issuer+"/demo/mailbox").Must("demo-mailbox", http.StatusOK).MustSay(append(words, "Lee Shore", "Maya Brook", linked.Email)...)
		at := webtest.New(t, network(t, nil), r.Partners[0].URL, language)
		at.Open("/").Must("bank-home", http.StatusOK).MustSay(words[0])
		at.Follow("faults-link").Must("bank-faults", http.StatusOK)
	}
	answer, err := http.PostForm(r.Partners[0].URL+"/faults.json", url.Values{"fault": {"outage"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	answer, err = http.Get(r.Partners[0].URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Error(answer.Status, err)
	}
}
