package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// contactPage is what the contact form and the page after it show.
type contactPage struct {
	*Content
	Check        *kit.Check // that the form is not sent by a program; nil when it does not ask
	Open         bool       // there is a desk that messages are sent to
	Choices      []kit.Choice
	About        []kit.Choice // what the staff can be asked to do
	Service      *Service     // the service the person came from, with its own support
	Sent         string       // reference of the message that was sent
	Confirm      bool         // a mail asks to confirm what the staff is to do, if there is such an account
	Deployed     kit.Support  // the deployment's own desk
	AnswerWithin int          // working days
}

func (p *Portal) contact(rendered *kit.Pages, pg page) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		if sent := cleanReference(q.Get("sent")); sent != "" {
			return p.showSent(w, r, rendered, pg, sent, q.Get("confirm") != "")
		}
		kit.EnsureBrowser(w, r)
		form := kit.NewForm("reference", cleanReference(q.Get("ref")), "service", q.Get("service"))
		return p.showContact(w, r, rendered, pg, form, http.StatusOK)
	}
}

func (p *Portal) showContact(w http.ResponseWriter, r *http.Request, rendered *kit.Pages, pg page, form *kit.Form, status int) error {
	data, err := p.contactData(r, id.RelyingParty(form.Get("service")))
	if err != nil {
		return err
	}
	view := p.view(r, pg, data)
	view.Form = form
	if data.Open {
		view.Keeps = "contact"
		if data.Check, err = p.check(r, form); err != nil {
			return err
		}
	}
	return rendered.Render(w, r, status, view)
}

// showSent is the page after the form. It says only what its own address holds.
func (p *Portal) showSent(w http.ResponseWriter, r *http.Request, rendered *kit.Pages, pg page, sent string, confirm bool) error {
	content, err := p.content(r)
	if err != nil {
		return err
	}
	view := p.view(r, pg, &contactPage{Content: content, Sent: sent, Confirm: confirm})
	view.Page, view.File, view.Addresses = "contact-sent", "contact-sent", nil
	view.Title = p.Site.Tr(r).T("contact.sent.title")
	return rendered.Render(w, r, http.StatusOK, view)
}

func (p *Portal) contactData(r *http.Request, chosen id.RelyingParty) (*contactPage, error) {
	content, err := p.content(r)
	if err != nil {
		return nil, err
	}
	lang := kit.Lang(r)
	data := &contactPage{Content: content, Open: p.Settings.ContactDesk != "", Deployed: p.Site.Settings.Support, AnswerWithin: p.Settings.AnswerWithin}
	data.About = []kit.Choice{{Text: p.Site.Tr(r).T("contact.about.question")}}
	for _, k := range assist.Kinds() {
		data.About = append(data.About, kit.Choice{Value: string(k), Text: p.Site.Tr(r).T("contact.about." + string(k))})
	}
	data.Choices = []kit.Choice{{Text: p.Site.Tr(r).T("contact.service.none")}}
	all, err := p.Registry.List(r.Context())
	if err != nil {
		return nil, fmt.Errorf("portal: services: %w", err)
	}
	for _, rp := range all {
		if rp.ID == chosen {
			data.Service = &Service{Name: rp.Name.In(lang), Lang: foreign(rp.Name, lang), Support: supportOf(rp, lang)}
		}
		if rp.ID == chosen || rp.Listed && !rp.Disabled {
			data.Choices = append(data.Choices, kit.Choice{Value: string(rp.ID), Text: rp.Name.In(lang)})
		}
	}
	return data, nil
}

// message is a contact form that was filled in well.
type message struct {
	from      account.Addr
	service   *relyingparty.RelyingParty // nil: none chosen
	reference string
	body      string
	about     assist.Kind // what the staff is asked to do; "" for a question
}

// read checks the form; what is wrong is noted on it.
func (p *Portal) read(r *http.Request, form *kit.Form) (message, error) {
	var m message
	if form.Get("email") == "" {
		form.Fail("email", "contact.error.email")
	} else if addr, err := account.ParseAddress(form.Get("email")); err != nil {
		if !form.FailWith(err) {
			return m, err
		}
	} else {
		m.from = addr
	}
	if about := assist.Kind(form.Get("about")); about != "" && !slices.Contains(assist.Kinds(), about) {
		form.Fail("about", "contact.error.about")
	} else {
		m.about = about
	}
	m.body = strings.TrimSpace(strings.ReplaceAll(form.Get("message"), "\r\n", "\n"))
	switch n := utf8.RuneCountInString(m.body); {
	case n == 0 && m.about == "":
		form.Fail("message", "contact.error.message")
	case n > p.Settings.MessageLength:
		form.Fail("message", "contact.error.message-long", "count", p.Settings.MessageLength)
	}
	if typed := strings.TrimSpace(form.Get("reference")); typed != "" {
		if m.reference = cleanReference(typed); m.reference == "" {
			form.Fail("reference", "contact.error.reference")
		}
	}
	if chosen := form.Get("service"); chosen != "" {
		rp, err := p.Registry.Get(r.Context(), id.RelyingParty(chosen))
		switch {
		case fault.Is(err, fault.NotFound):
			form.Fail("service", "contact.error.service")
		case err != nil:
			return m, fmt.Errorf("portal: contact: %w", err)
		default:
			m.service = rp
		}
	}
	return m, nil
}

func (p *Portal) sendContact(rendered *kit.Pages, pg page) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if p.Settings.ContactDesk == "" {
			return fault.New(fault.NotFound, "error.404")
		}
		form, err := p.Site.Form(w, r, "contact")
		if err != nil {
			return err
		}
		if p.Site.Switched(w, r, form) {
			return p.showContact(w, r, rendered, pg, form, http.StatusOK)
		}
		decision, err := p.Limiter.Take(r.Context(), ratelimit.ContactIP, kit.ClientIP(r))
		if err != nil {
			return err
		}
		if !decision.Allowed {
			form.FailThrottled(w, decision.Fault())
			return p.showContact(w, r, rendered, pg, form, http.StatusTooManyRequests)
		}
		m, err := p.read(r, form)
		if err != nil {
			return err
		}
		if !form.OK() {
			return p.showContact(w, r, rendered, pg, form, http.StatusUnprocessableEntity)
		}
		result, err := p.Screening.Admit(r.Context(), visitOf(r, form))
		if result.Admitted && err == nil {
			return p.accept(w, r, pg, m)
		}
		status := http.StatusOK // a code was mailed
		switch {
		case form.FailThrottled(w, err):
			status = http.StatusTooManyRequests
		case err != nil && !form.FailWith(err):
			return err
		case err != nil:
			status = http.StatusUnprocessableEntity
		}
		form.Set(screening.FieldMailed, result.Mailed)
		return p.showContact(w, r, rendered, pg, form, status)
	}
}

// accept sends a message that was judged.
func (p *Portal) accept(w http.ResponseWriter, r *http.Request, pg page, m message) error {
	own := kit.Reference(r)
	if err := p.queue(r, own, m); err != nil {
		return err
	}
	sent := url.Values{"sent": {own}}
	if m.about != "" {
		sent.Set("confirm", "mail")
	}
	http.Redirect(w, r, pg.slugs[kit.Lang(r)]+"?"+sent.Encode(), http.StatusSeeOther)
	return nil
}

// check is what the page shows of the check of its form.
func (p *Portal) check(r *http.Request, form *kit.Form) (*kit.Check, error) {
	k := &kit.Check{Mailed: form.Get(screening.FieldMailed), Digits: p.Numbers.CheckDigits, Codes: true}
	if addr, err := account.ParseAddress(form.Get("email")); err == nil && k.Mailed != "" {
		tr := p.Site.Tr(r)
		k.Sent = tr.T("challenge.sent", "address", addr.Masked(), "duration", tr.Duration(p.Numbers.Check))
		return k, nil
	}
	k.Mailed = ""
	var err error
	k.Challenge, err = p.Screening.Asks(r.Context(), visitOf(r, form))
	if err != nil || k.Challenge == "" {
		return nil, err
	}
	return k, nil
}

func visitOf(r *http.Request, form *kit.Form) screening.Visit {
	v := flow.Visitor{IP: kit.ClientIP(r), UserAgent: r.UserAgent(), Locale: string(kit.Lang(r))}
	if browser := kit.Browser(r); browser != "" {
		v.Browser = secret.Digest(browser)
	}
	return screening.Visit{Visitor: v, Form: screening.Contact, Address: form.Get("email"), Answer: screening.ReadAnswer(form.Get)}
}

// queue writes the message to the desk, its acknowledgement and the event in one transaction.
// The acknowledgement repeats nothing of what was written and is limited per
// address: the form must not become a way to send mail to strangers.
func (p *Portal) queue(r *http.Request, own string, m message) error {
	acknowledge, err := p.Limiter.Take(r.Context(), ratelimit.MailAddress, m.from.Mailbox())
	if err != nil {
		return err
	}
	var service notice.Service
	var party id.RelyingParty
	if m.service != nil {
		service, party = m.service.InMail(), m.service.ID
	}
	lang := kit.Lang(r)
	draft := assist.New(m.about, own)
	topic := ""
	if m.about != "" {
		topic = p.Site.Texts.Tr(i18n.English).T("contact.about." + string(m.about))
	}
	err = p.DB.Write(r.Context(), func(tx *db.Tx) error {
		asked := notice.AskedBy(r.UserAgent(), tx.Now())
		err := p.Outbox.Queue(tx, notify.Message{To: p.Settings.ContactDesk, Locale: string(i18n.English), Data: notice.ContactDesk{
			Reference: own, PageReference: m.reference, From: m.from.Written, FromLocale: string(lang), Service: service, Topic: topic, Body: m.body, Asked: asked,
		}})
		if err != nil {
			return err
		}
		if acknowledge.Allowed && m.about != "" {
			v := flow.Visitor{IP: kit.ClientIP(r), UserAgent: r.UserAgent(), Locale: string(lang)}
			if err := p.Lifecycle.AskAssistance(tx, v, m.from, draft); err != nil {
				return err
			}
		}
		if acknowledge.Allowed {
			err := p.Outbox.Queue(tx, notify.Message{To: m.from.Written, Locale: string(lang), Data: notice.ContactReceived{Reference: own, Service: service, At: tx.Now()}})
			if err != nil {
				return err
			}
		}
		return p.Audit.Record(tx, audit.Event{
			Name: audit.ContactSent, RelyingParty: party, Outcome: "ok",
			Personal: audit.Personal{IP: kit.ClientIP(r), UserAgent: r.UserAgent()}, Data: map[string]string{"reference": own},
		})
	})
	if err != nil {
		return fmt.Errorf("portal: contact: %w", err)
	}
	return nil
}

// cleanReference brings a typed reference into the form of the pages, "" when it is none.
func cleanReference(typed string) string {
	text, ok := flow.ParseReference(typed)
	if !ok {
		return ""
	}
	return text
}
