package portal

import (
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"

	"parvis/internal/i18n"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/upstream"
)

// Content is what the public pages say besides the catalogues' words.
type Content struct {
	Product  string
	Owner    string
	OwnerURL string
	Host     string // what the address bar shows
	MailFrom string

	Intro    string   // the operator's own first paragraph, if any
	Identity string   // the operator's own paragraph on identity, if any
	Privacy  []string // the operator's additions, by paragraph
	Terms    []string
	UsedFor  []string
	Services []Department

	LinkValid, ResetValid, ActivateWithin, Idle, Absolute, Consent string // in words
	Attempts                                                       int
	Rules                                                          []string
	Paths                                                          map[string]string // page name to its address in this language

	Methods    []Method // second steps, other than a code by e-mail
	SecondStep bool     // there is a second step
	App        bool     // there is the authenticator app
	Backup     bool     // there are backup codes
	Phone      bool     // there are codes by text or call
	Always     bool     // every sign-in asks for a second step
	EmailCode  string   // how long a code by e-mail works as a second step, in words; "" when it is none
	Closing    string   // how long an account that its owner deletes can be kept, in words
	Unused     string   // after how long unused an account is removed, in words; "" for never
	Aside      string   // how long a session may be set aside, in words
	PartnerFor string   // how long the code works for who comes from a sign-in partner, in words; "" without partners
	CoolingOff string   // how long a method in place of lost ones does not count in full, in words

	RecoveryWait, RecoveryOpen string // see Numbers, in words
	UnusedFirst, UnusedSecond  string // see Numbers, in words

	TLS string // version that the page came over, e.g. "TLS 1.3"; "" where this process does not see it

	Remember string // for how long a browser is remembered, in words; "" when it cannot be
}

// Department is whoever runs services, with those that are listed.
type Department struct {
	Name     string
	Lang     i18n.Lang // when it is not the page's
	Services []Service
}

// Service is one listed service.
type Service struct {
	Name, Description, URL string
	Lang                   i18n.Lang // when it is not the page's
	Support                *Support
}

// Support is how to reach a service's own team.
type Support struct {
	Name, Email, Phone, URL, Hours string
}

func (p *Portal) content(r *http.Request) (*Content, error) {
	tr, n, s := p.Site.Tr(r), p.Numbers, p.Settings
	lang := tr.Lang()
	departments, err := p.departments(r, lang)
	if err != nil {
		return nil, err
	}
	c := &Content{
		Product: p.Site.Name(lang), Owner: p.Site.Settings.Owner.In(lang), OwnerURL: s.OwnerURL.In(lang),
		MailFrom: n.MailFrom, Intro: s.Intro.In(lang), Identity: s.Identity.In(lang),
		Privacy: paragraphs(s.Privacy.In(lang)), Terms: paragraphs(s.Terms.In(lang)), Services: departments,
		LinkValid: tr.Duration(n.LinkValid), ResetValid: tr.Duration(n.ResetValid), ActivateWithin: tr.Duration(n.ActivateWithin),
		Idle: tr.Duration(n.SessionIdle), Absolute: tr.Duration(n.SessionAbsolute), Consent: tr.Duration(n.ConsentLife), Aside: tr.Duration(n.Aside), Closing: tr.Duration(n.Closing),
		CoolingOff: tr.Duration(n.CoolingOff), RecoveryWait: tr.Duration(n.RecoveryWait), RecoveryOpen: tr.Duration(n.RecoveryOpen),
		Attempts: n.Attempts, Rules: n.PasswordRules(tr), Paths: map[string]string{},
	}
	if u, err := url.Parse(p.Site.PublicURL); err == nil {
		c.Host = u.Host
	}
	for _, text := range s.UsedFor {
		c.UsedFor = append(c.UsedFor, text.In(lang))
	}
	for _, pg := range pages() {
		c.Paths[pg.name] = pg.slugs[lang]
	}
	c.Methods, c.SecondStep = n.methods(tr), len(n.Methods) > 0
	c.App, c.Backup = slices.Contains(n.Methods, policy.App), slices.Contains(n.Methods, policy.Backup)
	c.Phone, c.Always = slices.ContainsFunc(n.Methods, policy.Method.Restricted), n.Always > policy.OneStep
	if slices.Contains(n.Methods, policy.Email) {
		c.EmailCode = tr.Duration(n.EmailCodeValid)
	}
	if r.TLS != nil {
		c.TLS = tls.VersionName(r.TLS.Version)
	}
	if n.Unused > 0 {
		c.Unused, c.UnusedFirst, c.UnusedSecond = tr.Duration(n.Unused), tr.Duration(n.UnusedFirst), tr.Duration(n.UnusedSecond)
	}
	if n.Remember > 0 {
		c.Remember = tr.Duration(n.Remember)
	}
	partners, err := p.Partners.List(r.Context())
	if err != nil {
		return nil, fmt.Errorf("portal: sign-in partners: %w", err)
	}
	if slices.ContainsFunc(partners, func(u *upstream.Provider) bool { return !u.Disabled }) {
		c.PartnerFor = tr.Duration(n.PartnerValid)
	}
	return c, nil
}

// departments are the listed services, by department, in the order of their names.
func (p *Portal) departments(r *http.Request, lang i18n.Lang) ([]Department, error) {
	all, err := p.Registry.List(r.Context())
	if err != nil {
		return nil, fmt.Errorf("portal: services: %w", err)
	}
	byName := map[string]*Department{}
	var names []string
	for _, rp := range all {
		if !rp.Listed || rp.Disabled {
			continue
		}
		name := rp.Department.In(lang)
		if byName[name] == nil {
			byName[name] = &Department{Name: name, Lang: foreign(rp.Department, lang)}
			names = append(names, name)
		}
		byName[name].Services = append(byName[name].Services, Service{
			Name: rp.Name.In(lang), Description: rp.Description.In(lang), URL: openURL(rp, p.Site.PublicURL),
			Lang: foreign(rp.Name, lang), Support: supportOf(rp, lang),
		})
	}
	sort.Strings(names)
	out := make([]Department, 0, len(names))
	for _, name := range names {
		d := byName[name]
		sort.Slice(d.Services, func(i, j int) bool { return d.Services[i].Name < d.Services[j].Name })
		out = append(out, *d)
	}
	return out, nil
}

// openURL is where a person begins at a service; its start page comes first,
// because nobody is signing in yet.
func openURL(rp *relyingparty.RelyingParty, issuer string) string {
	if rp.StartURL != "" {
		return rp.StartURL
	}
	return rp.OpenURL(issuer)
}

func supportOf(rp *relyingparty.RelyingParty, lang i18n.Lang) *Support {
	if !rp.Support.Known() {
		return nil
	}
	s := rp.Support
	return &Support{Name: s.Name.In(lang), Email: s.Email, Phone: s.Phone, URL: s.URL.In(lang), Hours: s.Hours.In(lang)}
}

// foreign is the language of a text when it is not the page's, so that it can be marked.
func foreign(t i18n.Text, page i18n.Lang) i18n.Lang {
	if l := t.Lang(page); l != page {
		return l
	}
	return ""
}

// sitemap lists the public pages with their languages (sitemaps.org, with xhtml:link).
func (p *Portal) sitemap(w http.ResponseWriter, _ *http.Request) error {
	type alternate struct {
		Rel  string `xml:"rel,attr"`
		Lang string `xml:"hreflang,attr"`
		Href string `xml:"href,attr"`
	}
	type entry struct {
		Loc        string      `xml:"loc"`
		Alternates []alternate `xml:"xhtml:link"`
	}
	set := struct {
		XMLName xml.Name `xml:"urlset"`
		NS      string   `xml:"xmlns,attr"`
		XHTML   string   `xml:"xmlns:xhtml,attr"`
		Entries []entry  `xml:"url"`
	}{NS: "http://www.sitemaps.org/schemas/sitemap/0.9", XHTML: "http://www.w3.org/1999/xhtml"}
	for _, pg := range pages() {
		var alternates []alternate
		for _, l := range i18n.Langs() {
			alternates = append(alternates, alternate{"alternate", string(l), p.Site.URL(pg.slugs[l])})
		}
		for _, l := range i18n.Langs() {
			set.Entries = append(set.Entries, entry{p.Site.URL(pg.slugs[l]), alternates})
		}
	}
	body, err := xml.MarshalIndent(set, "", " ")
	if err != nil {
		return fmt.Errorf("portal: sitemap: %w", err)
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, err = w.Write(append([]byte(xml.Header), body...))
	return err
}

// robots lets search engines see the public pages and nothing behind the door.
func (p *Portal) robots(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := fmt.Fprintf(w, "User-agent: *\nAllow: /en/\nAllow: /fr/\nAllow: /$\nAllow: /assets/\nDisallow: /\nSitemap: %s\n", p.Site.URL("/sitemap.xml"))
	return err
}
