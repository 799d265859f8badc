package signinui

import (
	"strconv"
	"strings"
	"time"

	"parvis/internal/authenticator/phone"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// consentPage is the data of pages/consent.html.
type consentPage struct {
	journey

	Last   bool   // the agreement is the last step of creating an account
	Form   string // name of the form for its token: it is this person's
	Lead   string // catalogue key of why it is asked
	Items  []consentItem
	Tasks  []relyingparty.Task // what exactly the service wants to do
	Emails []kit.Choice        // addresses to choose from; none: there is no choice
	Hint   string              // catalogue key of what the choice means
	Policy string              // where the service says how it uses what it is told; "" when it names no such address
	Terms  string              // its terms of use; ""
	Period time.Duration       // after how long it is asked again; 0: not said
}

// consentItem is one line of what is shared.
type consentItem struct {
	Label   string
	Value   string
	Purpose string // why the service needs it, in its own words; "" when it did not say
	New     bool   // not agreed to before
}

// Lines are those of the value.
func (i consentItem) Lines() []string { return strings.Split(i.Value, "\n") }

// renderConsent shows the page consent: exactly what the service receives, with values.
func (u *UI) renderConsent(c *call, form *kit.Form, status int) error {
	if c.party == nil {
		return kit.NotFound()
	}
	asked, err := u.Signin.Consent(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := consentPage{journey: c.journey, Last: c.view.Created, Form: c.formOf("consent"), Lead: consentLead(asked), Period: u.Numbers.Consent}
	data.Policy, data.Terms = c.party.Policy(c.tr.Lang()), c.party.Terms(c.tr.Lang())
	if own := c.party.ConsentPeriod; own > 0 {
		data.Period = own
	}
	// The service always learns one thing: an identifier made for it alone.
	data.Items = append(data.Items, consentItem{
		Label: c.tr.T("consent.attribute.sub"), Value: c.tr.T("consent.attribute.sub-value"),
	})
	for _, item := range asked.Items {
		line := consentItem{Label: claimLabel(c.tr, item.Attribute), Value: claimValue(c.tr, u.Site.Times(c.r), item), New: item.New && asked.Again}
		line.Purpose = c.party.Purposes[item.Attribute].In(c.tr.Lang())
		data.Items = append(data.Items, line)
	}
	if data.Tasks, err = c.party.Tasks(c.tr, asked.Details); err != nil {
		return err
	}
	for _, e := range asked.Addresses {
		data.Emails = append(data.Emails, kit.Choice{Value: string(e.ID), Text: e.Address.Written})
	}
	data.Hint = "consent.address-hint"
	if asked.EveryAddress {
		data.Hint = "consent.address-hint-all"
	}
	if form == nil {
		form = kit.NewForm("address", string(asked.Address))
	}
	return u.pages.Render(c.w, c.r, status, kit.View{
		Page: "consent", Title: c.tr.T("consent.title", "service", c.journey.Service), Form: form, Data: data,
	})
}

// consentLead says why the person is asked.
func consentLead(v signin.ConsentView) string {
	if !v.Again {
		return "consent.first"
	}
	for _, item := range v.Items {
		if item.New {
			return "consent.more"
		}
	}
	if v.Details != "" {
		return "consent.particular"
	}
	return "consent.again"
}

// claimLabel is what a claim is called on pages.
func claimLabel(tr *i18n.Tr, name string) string {
	if key := "consent.attribute." + name; tr.Has(key) {
		return tr.T(key)
	}
	return name
}

// claimValue is what a service receives, as a person reads it.
func claimValue(tr *i18n.Tr, times kit.Times, item signin.SharedItem) string {
	switch item.Attribute {
	case claim.ScopeOffline:
		return tr.T("consent.value.offline_access")
	case claim.Birthdate:
		if day, err := time.Parse(time.DateOnly, item.Value); err == nil {
			return tr.Date(day, time.UTC)
		}
	case claim.Locale:
		if lang, ok := i18n.Parse(item.Value); ok {
			return tr.T("consent.value." + string(lang))
		}
	case claim.PhoneNumber:
		if item.Value != "" { // in groups, which are read out one by one, and in one line
			return strings.ReplaceAll(phone.Shown(item.Value), " ", "\u00a0")
		}
	case claim.UpdatedAt, claim.VerifiedAt:
		if seconds, err := strconv.ParseInt(item.Value, 10, 64); err == nil {
			return times.Date(time.Unix(seconds, 0))
		}
	}
	if item.Value == "" {
		return tr.T("consent.value.none")
	}
	return item.Value
}

// consent takes the answer: allow or deny; anything else is no answer and asks
// again. Declining leads to the service at once, which is told access_denied.
func (u *UI) consent(c *call, form *kit.Form) error {
	choice := form.Get("choice")
	if choice != "allow" && choice != "deny" {
		return c.dispatch()
	}
	var err error
	if choice == "allow" {
		err = u.Signin.Agree(c.r.Context(), c.visitor, c.view.Flow, id.Address(form.Get("address")))
	} else {
		err = u.Signin.Decide(c.r.Context(), c.visitor, c.view.Flow, false)
	}
	if err != nil {
		return err
	}
	if choice == "deny" && c.view.Cancel != "" {
		return kit.See(c.w, c.r, c.view.Cancel)
	}
	return c.dispatch()
}
