package demo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// servicePage is what a page of an example service shows.
type servicePage struct {
	page
	Key        string
	Name       string
	Department string
	Lead       string
	Needs      string
	Mailbox    string
	Account    string // where the person sees and changes the account
	Message    string
	Detail     string
	Claims     []claim
}

// claim is one line of what the service received.
type claim struct{ Name, Value string }

// firstClaims stand first in the list, in this order; the rest follows by name.
var firstClaims = []string{"sub", "email", "email_verified", "locale", "acr", "amr", "auth_time"}

// home is the first page: what the service is for, or the claims received.
func (s *service) home(w http.ResponseWriter, r *http.Request) {
	v, ok := s.visitor(r)
	if !ok {
		s.show(w, r, http.StatusOK, servicePage{page: page{Page: "service-home", Title: s.Words.in(r)("demo.service." + s.Key + ".name")}})
		return
	}
	s.show(w, r, http.StatusOK, servicePage{
		page:   page{Page: "service-signed-in", Title: s.Words.in(r)("demo.service.signedin.title")},
		Claims: listClaims(v.claims),
	})
}

// signedOut is where the sign-in service returns after a sign-out.
func (s *service) signedOut(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, servicePage{page: page{Page: "service-signed-out", Title: s.Words.in(r)("demo.service.signedout.title")}})
}

// problem says why nobody was signed in. The detail helps whoever builds a service.
func (s *service) problem(w http.ResponseWriter, r *http.Request, status int, key string, err error) {
	t := s.Words.in(r)
	p := servicePage{
		page:    page{Page: "service-problem", Title: t("demo.service.problem.title")},
		Message: t("demo.service.problem." + key),
	}
	if err != nil {
		p.Detail = strings.TrimSpace(err.Error())
	}
	s.show(w, r, status, p)
}

// show fills in what every page of the service has, and sends it.
func (s *service) show(w http.ResponseWriter, r *http.Request, status int, p servicePage) {
	t := s.Words.in(r)
	p.Key = s.Key
	p.Name = t("demo.service." + s.Key + ".name")
	p.Department = t("demo.service." + s.Key + ".department")
	p.Lead = t("demo.service." + s.Key + ".lead")
	p.Needs = t("demo.service." + s.Key + ".needs")
	p.Mailbox, p.Account = s.Issuer+"/demo/mailbox", s.Issuer+"/services"
	p.page = s.Words.page(r, p.page)
	// The sign-out form leads to the sign-in service, and browsers apply form-action to redirects.
	s.Words.send(w, r, status, "service.html", p.Nonce, "'self' "+s.Issuer, p)
}

// listClaims puts claims into a stable order and readable form.
func listClaims(claims map[string]any) []claim {
	names := make([]string, 0, len(claims))
	for name := range claims {
		names = append(names, name)
	}
	rank := func(name string) int {
		if i := slices.Index(firstClaims, name); i >= 0 {
			return i
		}
		return len(firstClaims)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	out := make([]claim, len(names))
	for i, name := range names {
		out[i] = claim{Name: name, Value: claimText(name, claims[name])}
	}
	return out
}

// claimText writes a claim's value: times in words, too.
func claimText(name string, value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		switch name {
		case "iat", "exp", "auth_time", "nbf":
			return fmt.Sprintf("%d (%s)", int64(v), time.Unix(int64(v), 0).UTC().Format(time.RFC3339))
		}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// nonce is a fresh nonce for the one inline style sheet of a page.
func nonce() string { return rand.Text() }
