package oidc_test

import (
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/claim"
	"parvis/internal/ratelimit"
)

const (
	mobile   = "+14165550134"
	desk     = "+14165550142"
	landline = "+33142685300"
)

// phoned binds a telephone to an account.
func (h *house) phoned(a id.Account, number string, by authenticator.Channel) phone.Number {
	h.t.Helper()
	n, err := phone.Settings{Region: "CA", Landlines: true}.Parse(number, "")
	check(h.t, err)
	h.clock.Advance(time.Second)
	h.write(func(tx *db.Tx) error { return h.phones.Bind(tx, a, phone.Prepare(n, by), "Phone "+number) })
	return n
}

// delivered are the letters that wait in the outbox, delivered, by where they went.
func (h *house) delivered() map[string][]notice.Letter {
	h.t.Helper()
	box := &mailbox.Box{}
	w := &notify.Worker{
		DB: h.db, Keys: h.asking.Outbox.Keys, Transports: box.Everyway(), Settings: h.asking.Outbox.Settings, Audit: h.asking.Audit, Log: slog.New(slog.DiscardHandler),
	}
	check(h.t, w.RunDue(h.t.Context()))
	out := map[string][]notice.Letter{}
	for _, l := range box.Letters() {
		out[l.To] = append(out[l.To], l)
	}
	return out
}

// opened is the address of our own in a text.
var opened = regexp.MustCompile(`https?://\S+$`)

// The text leads where the mail leads, says less than the mail, and opens nothing by itself.
func TestWhoHasATelephoneIsToldOfARequestByTextToo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("caller")
		b.known()
		h.phoned(a, mobile, authenticator.ByText)
		bert := h.person("bert@example.org")
		h.phoned(bert, desk, authenticator.ByText)
		h.consent(bert, "caller", claim.Email)
		for lang, says := range map[string]string{
			"fr": "Parvis : Permis de peche vous demande une confirmation. Confirmez seulement si vous avez commencé cette démarche : ",
			"en": "Parvis: Fishing licences asks you to confirm something. Only confirm if you started this yourself: ",
		} {
			h.write(func(tx *db.Tx) error { return h.accounts.SetLocale(tx, a, lang) })
			code, name := h.asks("caller", "binding_message", "W4 SC")
			got := h.delivered()
			if len(got) != 2 || len(got["anna@example.org"]) != 1 || len(got[mobile]) != 1 {
				t.Fatalf("%s: went to %v", lang, slices.Sorted(maps.Keys(got)))
			}
			text := got[mobile][0]
			link := h.issuer + "/confirmations/" + name + "?lang=" + lang
			if text.Text != says+link || text.Channel != notice.Text || len(text.Codes) != 0 {
				t.Errorf("%s: %+v", lang, text)
			}
			if !slices.Contains(got["anna@example.org"][0].Links, link) {
				t.Errorf("%s: the mail leads to %v, the text to %s", lang, got["anna@example.org"][0].Links, link)
			}
			visitor := h.browser()
			first := visitor.get(strings.TrimPrefix(opened.FindString(text.Text), h.issuer)) // keeps the language
			page := visitor.get(first.Header.Get("Location"))
			if !strings.Contains(page.text, `<html lang="`+lang+`"`) {
				t.Errorf("%s: the door is in another language", lang)
			}
			if page.StatusCode != http.StatusOK || strings.Contains(page.text, "Fishing") || strings.Contains(page.text, "Permis") || strings.Contains(page.text, "W4 SC") {
				t.Errorf("%s: the door tells of the service: %d", lang, page.StatusCode)
			}
			if got := h.confirmed("caller", code); got.Error != "authorization_pending" {
				t.Errorf("%s: opening it: %s", lang, got.Error)
			}
			if to := b.says(b.opens(name), "allow"); to != "/confirmations/done?how=allowed" {
				t.Fatalf("%s: to %q", lang, to)
			}
			h.clock.Advance(6 * time.Second)
			if got := h.confirmed("caller", code); got.status != http.StatusOK || got.Access == "" {
				t.Errorf("%s: %+v", lang, got)
			}
		}
		if n := h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND account = $2 AND relying_party = 'caller' AND data LIKE '%text%'`, audit.CIBATexted, a); n != 2 {
			t.Errorf("%d events", n)
		}
		// A text that could not be sent in time is worth nothing.
		h.asks("caller", "requested_expiry", "60")
		h.clock.Advance(61 * time.Second)
		if got := h.delivered(); len(got) != 0 {
			t.Errorf("after its end: %v", got)
		}
	})
}

// The mail always goes; the text to nobody who did not choose texts, and never where the operator sends none.
func TestNoTextGoesToWhoHasNoTelephoneForTexts(t *testing.T) {
	aside := func(tx *db.Tx, a id.Account) error {
		_, err := authenticator.SetAside(tx, a, tx.Now().Add(time.Hour))
		return err
	}
	for name, c := range map[string]struct {
		numbers map[string]authenticator.Channel
		change  func(h *house, a id.Account)
		to      string // "" for nobody
	}{
		"no number":               {},
		"a number for calls":      {numbers: map[string]authenticator.Channel{mobile: authenticator.ByVoice}},
		"a landline":              {numbers: map[string]authenticator.Channel{landline: authenticator.ByVoice}},
		"a landline, and another": {numbers: map[string]authenticator.Channel{landline: authenticator.ByVoice, mobile: authenticator.ByText}, to: mobile},
		"a number that was set aside": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, a id.Account) {
			h.write(func(tx *db.Tx) error { return aside(tx, a) })
		}},
		"a number that wants no texts": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, _ id.Account) {
			n, err := h.phones.Settings.Parse(mobile, "")
			check(h.t, err)
			h.write(func(tx *db.Tx) error { _, err := h.phones.Stop(tx, n); return err })
		}},
		"a number that was removed": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, a id.Account) {
			h.write(func(tx *db.Tx) error {
				p, _, err := h.phones.First(tx, a)
				if err == nil {
					_, err = h.phones.Remove(tx, a, p.ID)
				}
				return err
			})
		}},
		"a country that is accepted no longer": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, _ id.Account) {
			h.asking.Phones.Settings.Countries = []string{"US"}
		}},
		"no texts of the operator": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, _ id.Account) {
			h.asking.Asked.Settings.Texts = false
		}},
		"no provider": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, change: func(h *house, _ id.Account) {
			h.asking.Outbox.Channels = nil
		}},
		"a number": {numbers: map[string]authenticator.Channel{mobile: authenticator.ByText}, to: mobile},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				_, a := h.agreed("caller")
				h.phoned(h.person("bert@example.org"), desk, authenticator.ByText) // somebody else's
				for _, number := range slices.Sorted(maps.Keys(c.numbers)) {
					h.phoned(a, number, c.numbers[number])
				}
				if c.change != nil {
					c.change(h, a)
				}
				h.asks("caller")
				got := h.delivered()
				want := []string{"anna@example.org"}
				texted := int64(0)
				if c.to != "" {
					want, texted = []string{c.to, "anna@example.org"}, 1
				}
				if to := slices.Sorted(maps.Keys(got)); !slices.Equal(to, want) {
					t.Errorf("went to %v, want %v", to, want)
				}
				if n := h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1`, audit.CIBATexted); n != texted {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

// Beyond the limits of texts the mail still goes, codes can still be sent, and the service is answered alike.
func TestTextsAreLimitedAndTheServiceDoesNotLearnOfIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, a := h.agreed("caller")
		bert := h.person("bert@example.org")
		h.consent(bert, "caller", claim.Email)
		zoe := h.person("zoe@example.org") // without a telephone
		h.consent(zoe, "caller", claim.Email)
		limits := &h.asking.Limiter.Settings
		limits.CIBAText.Count, limits.CIBATextNumber.Count, limits.CIBAAccount.Count, limits.CIBAMail.Count = 3, 5, 100, 100
		h.phoned(a, mobile, authenticator.ByText)
		h.phoned(bert, mobile, authenticator.ByText) // two people, one telephone
		ask := func(who string) (texts int) {
			t.Helper()
			out, status := h.call("/bc-authorize", "caller", url.Values{"scope": {"openid email"}, "login_hint": {who + "@example.org"}})
			code, _ := out["auth_req_id"].(string)
			if status != http.StatusOK || len(code) != 43 || out["expires_in"] != 600.0 || out["interval"] != 5.0 || len(out) != 3 {
				t.Errorf("%s: %d %v", who, status, out)
			}
			got := h.delivered()
			if len(got[who+"@example.org"]) != 1 {
				t.Errorf("%s: %d mails", who, len(got[who+"@example.org"]))
			}
			return len(got[mobile])
		}
		for i, c := range []struct {
			who   string
			texts int
		}{{"anna", 1}, {"anna", 1}, {"anna", 1}, {"anna", 0}, {"bert", 1}, {"bert", 1}, {"bert", 0}, {"zoe", 0}} {
			if n := ask(c.who); n != c.texts {
				t.Errorf("%d, %s: %d texts, want %d", i, c.who, n, c.texts)
			}
		}
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			for rule, key := range map[ratelimit.Rule]string{ratelimit.SendNumber: mobile, ratelimit.SendNumberBurst: mobile, ratelimit.SendAccount: string(a)} {
				if n, err := h.asking.Limiter.CountedIn(tx, rule, key); err != nil || n != 0 {
					t.Errorf("%s: %d of the codes are used up: %v", rule, n, err)
				}
			}
			return nil
		}))
		h.clock.Advance(25 * time.Hour)
		limits.CIBATextClient.Count = 2
		for i, want := range []int{1, 1, 0} {
			if n := ask("anna"); n != want {
				t.Errorf("%d of the service: %d texts, want %d", i, n, want)
			}
		}
		h.clock.Advance(25 * time.Hour)
		if n := ask("anna"); n != 1 {
			t.Errorf("a day later: %d texts", n)
		}
	})
}
