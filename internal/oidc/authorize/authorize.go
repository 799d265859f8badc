// Package authorize is the authorization endpoint of the OpenID provider.
//
// It answers GET and POST /authorize, GET /authorize/finish/{flow}, GET
// /authorize/cancel/{flow}, and POST /par, where services push their requests
// beforehand. A request is put to the rules of oidc/protocol. When
// the live session already satisfies what the service demands and the person
// has agreed to what it asks for, the code is made at once in one transaction;
// otherwise the request is stored in a flow and the browser goes to the
// dispatcher of the journeys, which sends it to finish when nothing is left to
// ask. finish asks the same rule again in the transaction that makes the code,
// so that no page and no order of requests can get around it.
//
// A POST may come from another site, where our cookies are not sent: it reads
// and sets none, stores the request and answers 303 to our own GET. Errors that
// cannot safely go to the client are a page that names the service's own
// support contact; all others go to the registered redirect address with the
// issuer (RFC 9207). Redirects are 303, never 307.
package authorize

import (
	"embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/backchannel"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

//go:embed pages
var pageFiles embed.FS

// Endpoint answers authorization requests. Make it with New.
type Endpoint struct {
	Config
	pages *kit.Pages
}

// Config is what New needs; every field must be set.
type Config struct {
	Issuer      string // without a slash at the end
	Site        *kit.Site
	DB          *db.DB
	Registry    *relyingparty.Registry
	Keyring     *keyring.Keyring
	Flows       flow.Flows
	Visitor     *visit.Visitor
	Accounts    account.Accounts
	Connections connection.Connections
	Grants      grant.Grants
	Limiter     *ratelimit.Limiter
	Audit       *audit.Log
	Table       policy.Table
	Door        *machine.Door // for clients that push their requests
	Keys        *relyingparty.Keys
	Pushed      pushed.Requests
	Visits      backchannel.Visits
	Now         func() time.Time
}

// New parses the pages.
func New(c Config) (*Endpoint, error) {
	pages, err := c.Site.Pages(pageFiles, "pages")
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	return &Endpoint{Config: c, pages: pages}, nil
}

// Routes adds the endpoint's addresses.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("GET "+protocol.PathAuthorize, e.Site.Handle(e.get))
	mux.Handle("POST "+protocol.PathAuthorize, e.Site.Handle(e.post))
	mux.Handle("GET "+protocol.PathFinish, e.Site.Handle(e.finish))
	mux.Handle("GET "+protocol.PathCancel, e.Site.Handle(e.cancel))
	mux.Handle("POST "+protocol.PathPush, e.Door.Handle(e.push))
	mux.HandleFunc("OPTIONS "+protocol.PathPush, machine.Preflight)
}

// Doors are the addresses that other sites may POST to.
func Doors() []string {
	return []string{"POST " + protocol.PathAuthorize, "POST " + protocol.PathPush}
}

// incoming is a request that kept the rules, with the service it comes from.
type incoming struct {
	request *protocol.Request
	party   *relyingparty.RelyingParty
}

// unassured reports whether nothing shows that a request comes from its client: it is an application
// on people's devices, has no secret that others have not, and another application could take its
// address as well. Then the person who was signed in before says each time that they mean it (RFC
// 8252, 8.6; RFC 6749, 10.2). Public clients of the web have a loopback address while they are
// developed, and behave there as they do later.
func (in incoming) unassured() bool {
	return in.party.Native && in.party.Unproven() && !strings.HasPrefix(in.request.RedirectURI, "https://")
}

func (e *Endpoint) get(w http.ResponseWriter, r *http.Request) error {
	if err := e.allowed(w, r); err != nil {
		return err
	}
	in, done, err := e.read(w, r, r.URL.RawQuery)
	if err != nil || done {
		return err
	}
	switch step := e.look(r, in); {
	case step == ready:
		return e.mint(w, r, in, "")
	case step == refused, in.request.Prompt.None:
		return e.refuse(w, r, in, step.refusal())
	default:
		return e.begin(w, r, in, step)
	}
}

func (e *Endpoint) post(w http.ResponseWriter, r *http.Request) error {
	if err := e.allowed(w, r); err != nil {
		return err
	}
	body, bad, err := readForm(r)
	if err != nil {
		return err
	}
	if bad != nil {
		return e.page(w, r, bad, nil)
	}
	in, done, err := e.read(w, r, body)
	if err != nil || done {
		return err
	}
	return e.begin(w, r, in, blind)
}

// allowed refuses HEAD, which must not change anything, and what comes too often.
func (e *Endpoint) allowed(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Allow", "GET, POST")
		return fault.New(fault.Invalid, "oidc.head")
	}
	return e.Limiter.Local(ratelimit.AuthorizeIP, kit.ClientIP(r)).Fault()
}

// readForm reads a body of the one type that the endpoint takes (OpenID Connect Core 1.0, 13.2).
func readForm(r *http.Request) (string, *protocol.Error, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return "", &protocol.Error{Code: protocol.InvalidRequest, Description: "the body must be application/x-www-form-urlencoded"}, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, protocol.MaxQuery+1))
	if err != nil {
		return "", nil, fault.Wrap(fault.Invalid, "oidc.body", err)
	}
	return string(raw), nil, nil
}

// read puts a request to the rules. done says that an error was answered already.
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request, raw string) (in incoming, done bool, err error) {
	params, bad := protocol.ParseParams(raw)
	if bad != nil {
		return in, true, e.page(w, r, bad, nil)
	}
	clientID, bad := protocol.Named(params)
	if bad != nil {
		return in, true, e.page(w, r, bad, nil)
	}
	party, err := e.Registry.Get(r.Context(), id.RelyingParty(clientID))
	if fault.Is(err, fault.NotFound) {
		return in, true, e.page(w, r, &protocol.Error{Code: protocol.UnauthorizedClient, Description: "client_id is not registered", Cause: protocol.ClientUnknown}, nil)
	}
	if err != nil {
		return in, false, fmt.Errorf("authorize: %w", err)
	}
	if party.Disabled {
		return in, true, e.page(w, r, &protocol.Error{Code: protocol.UnauthorizedClient, Description: "the client is disabled", Cause: protocol.ClientDisabled}, party)
	}
	sent := params
	params, how, bad, err := e.unwrap(r.Context(), party, sent)
	if err != nil {
		return in, false, err
	}
	if bad != nil && bad.Code == protocol.InvalidRequestURI {
		to, err := e.underWay(r, party, sent.Get("request_uri"))
		if err != nil {
			return in, false, err
		}
		if to != "" {
			redirect(w, "/signin/"+string(to))
			return in, true, nil
		}
	}
	if bad != nil {
		return in, true, e.page(w, r, bad, party)
	}
	request, bad := protocol.Check(params, party.AsClient(e.Issuer), how.Came)
	if bad == nil {
		bad = e.hint(request)
	}
	request.Pushed = how.pushed
	in = incoming{request: request, party: party}
	e.speak(r, request)
	switch {
	case bad == nil:
		return in, false, nil
	case bad.Where == protocol.ToPage:
		return in, true, e.page(w, r, bad, party)
	default:
		return in, true, e.refuse(w, r, in, bad)
	}
}

// speak answers in the language the service asks for, unless the person chose one.
func (e *Endpoint) speak(r *http.Request, request *protocol.Request) {
	if l, ok := language(request.UILocales, e.Site); ok {
		e.Site.UseLang(r, l)
	}
}

// hint verifies id_token_hint: an ID token that we gave to this client. Its
// subject is who must be signed in (OpenID Connect Core 1.0, 3.1.2.1).
func (e *Endpoint) hint(request *protocol.Request) *protocol.Error {
	if request.Hint == "" {
		return nil
	}
	bad := &protocol.Error{Code: protocol.InvalidRequest, Where: protocol.ToClient, Description: "id_token_hint is no ID token given to this client"}
	payload, head, err := e.Keyring.Set().Verify(request.Hint, jose.Algorithms()...)
	if err != nil || !protocol.MayBeIDToken(head.Type) {
		return bad.Because(protocol.HintSignature)
	}
	hint, ok := protocol.ReadHint(payload, e.Issuer)
	switch {
	case !ok || hint.Audience[0] != request.ClientID:
		return bad.Because(protocol.HintOfOther)
	case request.Subject != "" && request.Subject != hint.Subject:
		return bad.Because(protocol.HintSubject)
	}
	request.Subject = hint.Subject
	return nil
}

// demand is what the service asks of the sign-in: what was agreed with it, and what
// the request says beyond that.
func demand(in incoming) policy.Demand {
	d := policy.Demand{
		ACR: in.request.ACR, Essential: in.request.EssentialACR, Floor: in.party.ACR, Doors: in.party.Doors, ForceLogin: in.request.Prompt.Login,
	}
	if len(d.ACR) == 0 && !d.Essential {
		d.ACR = in.party.DefaultACR // OpenID Connect Dynamic Client Registration 1.0, 2: a request says otherwise
	}
	switch {
	case in.request.MaxAge != nil:
		age := time.Duration(*in.request.MaxAge) * time.Second
		d.MaxAge = &age
	case in.party.MaxAge > 0:
		age := in.party.MaxAge
		d.MaxAge = &age
	}
	return d
}

// begin stores the request in a flow and sends the browser on: to the
// dispatcher, or, when the cookies could not be read, to finish, which can.
func (e *Endpoint) begin(w http.ResponseWriter, r *http.Request, in incoming, step verdict) error {
	if !e.Table.Possible(demand(in)) {
		return e.refuse(w, r, in, impossible())
	}
	if err := e.Limiter.Allow(r.Context(), ratelimit.FlowIP, kit.ClientIP(r)); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	text, err := flow.Marshal(in.request)
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	n := flow.Prepare(in.party.ID, e.state(in, text))
	n.State.Finish = "/authorize/finish/" + string(n.ID)
	n.State.CancelPath = "/authorize/cancel/" + string(n.ID)
	if step == otherSubject {
		n.State.SelectAccount = true // the person signed in is not the one the request names
	}
	n.IP = kit.ClientIP(r)
	next := "/signin/" + string(n.ID)
	if step == blind {
		next = n.State.Finish
	} else {
		n.Browser = e.Visitor.Of(r).Browser
	}
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		_, err := e.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	redirect(w, next)
	return nil
}

func (e *Endpoint) state(in incoming, text []byte) flow.State {
	s := flow.State{
		Kind: flow.SignIn, Demand: demand(in), Request: text, ReturnOrigin: relyingparty.Origin(in.request.RedirectURI),
		Attributes: in.request.Attributes(), LoginHint: in.request.LoginHint,
	}
	s.SelectAccount = in.request.Prompt.SelectAccount || in.unassured()
	s.ForceConsent = in.request.Prompt.Consent || in.request.Details != "" // what exactly is allowed is asked each time
	s.Details = in.request.Details
	if l, ok := language(in.request.UILocales, e.Site); ok {
		s.Locale = string(l)
	}
	if in.request.Prompt.Create {
		s.Progress.Task = flow.TaskCreate
	}
	return s
}

// language is the first of the wanted languages that the site speaks.
func language(wanted []string, site *kit.Site) (i18n.Lang, bool) {
	for _, tag := range wanted {
		for _, l := range site.Langs {
			if i18n.Lang(tag) == l || len(tag) > len(l) && tag[:len(l)] == string(l) && tag[len(l)] == '-' {
				return l, true
			}
		}
	}
	return "", false
}

// redirect is 303: a POST must become a GET, and its body must never be sent on.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
