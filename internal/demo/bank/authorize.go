package bank

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signin is a request that waits for the customer.
type signin struct {
	asked   url.Values // what was asked for, however it came
	pushed  bool       // it came from the client itself, not through the browser
	brought url.Values // what the browser brought
	referer string     // where the browser says it comes from
}

// grant is what a code stands for.
type grant struct {
	customer  Customer
	redirect  string
	challenge string
	nonce     string
	acr       string
	at        time.Time // when the customer authenticated
}

// parameters reads a query or a form, in which nothing may stand twice (RFC 6749, 3.1).
func parameters(r *http.Request) (url.Values, error) {
	out := r.URL.Query()
	if len(r.URL.RawQuery) > maxForm {
		return nil, errors.New("too long")
	}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		out = r.PostForm
	}
	for _, values := range out {
		if len(values) != 1 {
			return nil, errors.New("a parameter is there twice")
		}
	}
	return out, nil
}

// push keeps a request until the browser comes for it (RFC 9126, 2).
func (b *Bank) push(w http.ResponseWriter, r *http.Request) {
	form, err := parameters(r)
	if err != nil || form.Has("request_uri") {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	if !b.authenticated(w, r, form) {
		return
	}
	form.Set("client_id", b.Client.ID)
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		form.Del(name)
	}
	if form.Get("redirect_uri") != b.Client.RedirectURI {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	if code := unfit(form); code != "" {
		refuse(w, http.StatusBadRequest, code)
		return
	}
	uri := "urn:ietf:params:oauth:request_uri:" + b.pushed.add(form)
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(pushedLife / time.Second)})
}

// authorize takes a request (OpenID Connect Core 1.0, 3.1.2.1) and leads to the sign-in page.
func (b *Bank) authorize(w http.ResponseWriter, r *http.Request) {
	brought, err := parameters(r)
	if err != nil {
		b.problem(w, r, http.StatusBadRequest, "request")
		return
	}
	s := signin{asked: brought, brought: brought, referer: r.Referer()}
	if uri := brought.Get("request_uri"); uri != "" {
		key, ours := strings.CutPrefix(uri, "urn:ietf:params:oauth:request_uri:")
		s.asked, s.pushed = b.pushed.take(key)
		if !ours || !s.pushed {
			b.problem(w, r, http.StatusBadRequest, "request")
			return
		}
	}
	if brought.Get("client_id") != b.Client.ID || s.asked.Get("redirect_uri") != b.Client.RedirectURI {
		b.problem(w, r, http.StatusBadRequest, "client") // nobody is sent to an address that is not registered
		return
	}
	if code := unfit(s.asked); code != "" {
		b.answer(w, r, s, url.Values{"error": {code}})
		return
	}
	if slices.Contains(strings.Fields(s.asked.Get("prompt")), "none") { // customers always choose here
		b.answer(w, r, s, url.Values{"error": {"login_required"}})
		return
	}
	http.Redirect(w, r, "/sign-in/"+b.signins.add(s), http.StatusSeeOther)
}

// unfit is the error of a request that the bank does not take; "" when it does.
func unfit(asked url.Values) string {
	age, err := strconv.Atoi(cmp.Or(asked.Get("max_age"), "0"))
	challenge := asked.Get("code_challenge")
	switch {
	case asked.Has("request"):
		return "request_not_supported"
	case asked.Get("response_type") != "code":
		return "unsupported_response_type"
	case !slices.Contains(strings.Fields(asked.Get("scope")), "openid"):
		return "invalid_scope"
	case cmp.Or(asked.Get("response_mode"), "query") != "query",
		asked.Get("code_challenge_method") != "S256" || len(challenge) != 43, // RFC 7636, 4.2
		err != nil || age < 0,
		asked.Has("claims") && !json.Valid([]byte(asked.Get("claims"))):
		return "invalid_request"
	}
	return ""
}

// signinPage shows who can sign in, and what the bank was told.
func (b *Bank) signinPage(w http.ResponseWriter, r *http.Request) {
	s, ok := b.signins.get(r.PathValue("key"))
	if !ok {
		b.problem(w, r, http.StatusGone, "gone")
		return
	}
	b.showSignin(w, r, http.StatusOK, s, false)
}

func (b *Bank) showSignin(w http.ResponseWriter, r *http.Request, status int, s signin, unchosen bool) {
	p := b.page(r, s.asked.Get("ui_locales"), "bank-sign-in", "demo.bank.signin.title")
	p.Customers, p.Unchosen = Customers(), unchosen
	p.Brought = append(lines(s.brought), parameter{"Referer", cmp.Or(s.referer, "–")})
	if s.pushed {
		p.Pushed = lines(s.asked)
	}
	// The answer to the form leads back to the client, and browsers apply form-action to redirects.
	b.show(w, r, status, p, "'self' "+origin(b.Client.RedirectURI))
}

// lines are parameters by name.
func lines(values url.Values) []parameter {
	var out []parameter
	for name := range values {
		out = append(out, parameter{name, values.Get(name)})
	}
	slices.SortFunc(out, func(a, b parameter) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}

// signIn answers for the customer who was chosen, or for who went back.
func (b *Bank) signIn(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	s, ok := b.signins.get(key)
	if !ok {
		b.problem(w, r, http.StatusGone, "gone")
		return
	}
	who, known := customer(r.PostFormValue("customer"))
	back := r.PostFormValue("action") == "cancel"
	if !known && !back {
		b.showSignin(w, r, http.StatusUnprocessableEntity, s, true)
		return
	}
	if _, ok := b.signins.take(key); !ok {
		b.problem(w, r, http.StatusGone, "gone")
		return
	}
	if back {
		b.answer(w, r, s, url.Values{"error": {string(Denied)}})
		return
	}
	if code := b.Fault().told(); code != "" {
		b.answer(w, r, s, url.Values{"error": {code}})
		return
	}
	code := b.codes.add(grant{
		customer: who, redirect: s.asked.Get("redirect_uri"), challenge: s.asked.Get("code_challenge"), nonce: s.asked.Get("nonce"),
		acr: wanted(s.asked.Get("acr_values")), at: b.Now(),
	})
	b.answer(w, r, s, url.Values{"code": {code}})
}

// wanted is the first value of acr asked for that the bank knows; without one the strongest.
func wanted(values string) string {
	for v := range strings.FieldsSeq(values) {
		if v == ACRApp || v == ACRPassword {
			return v
		}
	}
	return ACRApp
}

// answer sends the browser back with an answer (RFC 6749, 4.1.2; RFC 9207, 2).
func (b *Bank) answer(w http.ResponseWriter, r *http.Request, s signin, values url.Values) {
	if state := s.asked.Get("state"); state != "" {
		values.Set("state", state)
	}
	values.Set("iss", b.Issuer)
	f := b.Fault()
	if f == ForeignAnswer {
		values.Set("iss", "https://other-bank.example")
	}
	separator := "?"
	if strings.Contains(b.Client.RedirectURI, "?") {
		separator = "&"
	}
	address := b.Client.RedirectURI + separator + values.Encode()
	b.mu.Lock()
	if f == Replayed && b.last != "" {
		address = b.last
	}
	b.last = address
	b.mu.Unlock()
	http.Redirect(w, r, address, http.StatusSeeOther)
}
