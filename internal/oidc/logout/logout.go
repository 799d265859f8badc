// Package logout is the end session endpoint of the OpenID provider
// (RP-Initiated Logout 1.0).
//
// GET /logout signs out at once when the request proves that it comes from a
// service of the very session that is live in this browser: an ID token that we
// signed, with the session's sid. Everything else asks the person: the request is
// stored in a flow, the journeys' page asks, and GET /logout/finish/{flow} goes on.
// A POST may come from another site, where our cookies are not sent, so it only
// stores a flow and answers 303 to finish.
//
// People are sent only to registered post_logout_redirect_uris, compared byte by
// byte; a request with any other is a page, never a redirect, and ends nothing.
// Signing out ends the session of this browser, and with it one that was set aside to
// merge two accounts (package merging): a service of either may ask. When only that one
// is there it ends without a question, since the pages say that nobody is signed in, and
// the worst that a stranger's link does is that the person begins anew. What services were given stays,
// because they have sessions of their own.
package logout

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"parvis/internal/audit"
	"parvis/internal/backchannel"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/frontchannel"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/protocol"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// PathFinish is where the journeys' page leads when the question is answered.
const PathFinish = "/logout/finish/{flow}"

// pathSignedOut is the page for people whom no service waits for.
const pathSignedOut = "/signed-out"

// Endpoint ends sessions for services. Make it with New.
type Endpoint struct {
	Config

	pages *kit.Pages
}

// New parses the page.
func New(c Config) (*Endpoint, error) {
	pages, err := c.Site.Pages(pageFiles, "pages")
	if err != nil {
		return nil, fmt.Errorf("logout: %w", err)
	}
	return &Endpoint{Config: c, pages: pages}, nil
}

// Config is what New needs; all fields must be set.
type Config struct {
	Issuer   string // without a slash at the end
	Site     *kit.Site
	DB       *db.DB
	Registry *relyingparty.Registry
	Keyring  *keyring.Keyring
	Flows    flow.Flows
	Visitor  *visit.Visitor
	Visits   backchannel.Visits
	Telling  *backchannel.Worker
	Frames   frontchannel.Frames
	Leavings handover.Leavings
	Limiter  *ratelimit.Limiter
	Audit    *audit.Log
}

// Routes adds the endpoint's addresses.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("GET "+protocol.PathLogout, e.Site.Handle(e.get))
	mux.Handle("POST "+protocol.PathLogout, e.Site.Handle(e.post))
	mux.Handle("GET "+PathFinish, e.Site.Handle(e.finish))
	mux.Handle("GET "+pathServices, e.Site.Handle(e.services))
	mux.Handle("GET "+pathServices+"/{flow}", e.Site.Handle(e.services))
}

// Doors are the addresses that other sites may POST to.
func Doors() []string { return []string{"POST " + protocol.PathLogout} }

// order is a checked request, as it is stored in a flow.
type order struct {
	Client    string `json:"client,omitempty"`
	Landing   string `json:"landing,omitempty"` // with state, ready to be sent to
	Address   string `json:"address,omitempty"` // of Landing, as it is registered
	SessionID string `json:"sid,omitempty"`     // of the verified id_token_hint
	Door      string `json:"door,omitempty"`    // the sign-in partner that opened the session, which the person is asked about
	Locale    string `json:"-"`
}

func (e *Endpoint) get(w http.ResponseWriter, r *http.Request) error {
	o, err := e.read(r, r.URL.RawQuery)
	if err != nil {
		return err
	}
	return e.decide(w, r, o, "")
}

func (e *Endpoint) post(w http.ResponseWriter, r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raw := []byte(nil)
	if err == nil && kind == "application/x-www-form-urlencoded" {
		raw, err = io.ReadAll(io.LimitReader(r.Body, protocol.MaxQuery+1))
	}
	if err != nil && r.ContentLength != 0 {
		return fault.Wrap(fault.Invalid, "oidc.body", err)
	}
	o, err := e.read(r, string(raw))
	if err != nil {
		return err
	}
	fid, err := e.begin(r, o, true)
	if err != nil {
		return err
	}
	redirect(w, "/logout/finish/"+string(fid))
	return nil
}

// read puts a request to its rules.
func (e *Endpoint) read(r *http.Request, raw string) (order, error) {
	if r.Method == http.MethodHead {
		return order{}, fault.New(fault.Invalid, "oidc.head")
	}
	if err := e.Limiter.Local(ratelimit.AuthorizeIP, kit.ClientIP(r)).Fault(); err != nil {
		return order{}, err
	}
	params, bad := protocol.ParseParams(raw)
	if bad != nil {
		return order{}, fault.Wrap(fault.Invalid, "logout.bad", bad)
	}
	request, bad := protocol.ReadLogout(params)
	if bad != nil {
		return order{}, fault.Wrap(fault.Invalid, "logout.bad", bad)
	}
	o := order{Client: request.ClientID}
	if err := e.hint(&o, request.Hint); err != nil {
		return order{}, err
	}
	for _, tag := range request.UILocales {
		if l := i18n.Match(e.Site.Langs, tag); string(l) == tag || len(tag) > 2 && tag[:2] == string(l) {
			o.Locale = string(l)
			e.Site.UseLang(r, l)
			break
		}
	}
	return o, e.landing(r, &o, request)
}

// hint verifies id_token_hint: an ID token of ours, expired or not, for the client
// that client_id names, if it names one (RP-Initiated Logout 1.0, 2 and 4).
func (e *Endpoint) hint(o *order, token string) error {
	if token == "" {
		return nil
	}
	payload, head, err := e.Keyring.Set().Verify(token, jose.Algorithms()...)
	if err == nil && !protocol.MayBeIDToken(head.Type) {
		err = errors.New("no ID token")
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, "logout.bad", err)
	}
	hint, ok := protocol.ReadHint(payload, e.Issuer)
	if !ok || o.Client != "" && o.Client != hint.Audience[0] {
		return fault.New(fault.Invalid, "logout.bad")
	}
	o.Client, o.SessionID = hint.Audience[0], hint.SessionID
	return nil
}

// landing compares the address to land on with the client's registered ones
// (RP-Initiated Logout 1.0, 3) and dresses the pages for the client.
func (e *Endpoint) landing(r *http.Request, o *order, request protocol.LogoutRequest) error {
	if o.Client == "" {
		if request.RedirectURI != "" {
			return fault.New(fault.Invalid, "logout.nobody")
		}
		return nil
	}
	party, err := e.Registry.Get(r.Context(), id.RelyingParty(o.Client))
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "logout.bad")
	}
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	scene, lang := kit.SceneOf(r), kit.Lang(r)
	if party.ReturnURL != "" {
		scene.Back = &kit.Link{Text: party.Name.In(lang), URL: party.ReturnURL}
	}
	if request.RedirectURI == "" {
		return nil
	}
	if !lands(party, request.RedirectURI) {
		return fault.New(fault.Invalid, "logout.landing")
	}
	o.Landing, o.Address = request.RedirectURI, request.RedirectURI
	if request.State != "" {
		o.Landing = protocol.AppendQuery(o.Landing, []protocol.Param{{Name: "state", Value: request.State}})
	}
	return nil
}

// lands reports whether a service may have people sent to an address.
func lands(party *relyingparty.RelyingParty, address string) bool {
	return party != nil && !party.Disabled && protocol.MatchLanding(party.PostLogoutRedirectURIs, party.Native, address)
}

// stored reads the request of a flow. The registration may have changed since: the address is
// compared again, and nobody is sent to one that was taken away.
func (e *Endpoint) stored(r *http.Request, f flow.Flow) (o order, err error) {
	if f.State.Kind != flow.SignOut || len(f.State.Request) == 0 {
		return o, kit.NotFound()
	}
	if err := json.Unmarshal(f.State.Request, &o); err != nil {
		return o, fmt.Errorf("logout: stored request: %w", err)
	}
	if o.Landing == "" || o.Address == "" { // a program before this one kept no address; it had compared it
		return o, nil
	}
	party, err := e.Registry.Find(r.Context(), id.RelyingParty(o.Client))
	if err != nil {
		return o, fmt.Errorf("logout: %w", err)
	}
	if !lands(party, o.Address) {
		o.Landing, o.Address = "", ""
	}
	return o, nil
}

// decide ends the session when that is proven to be wanted, lands when there is none, and asks otherwise.
func (e *Endpoint) decide(w http.ResponseWriter, r *http.Request, o order, fid id.Flow) error {
	v, err := e.Visitor.Peek(r)
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	aside, err := e.aside(r)
	if err != nil {
		return err
	}
	proven := o.of(v.Session) || o.of(aside)
	if v.SignedIn && !proven {
		if fid == "" {
			o.Door = v.Session.Facts.Partner.Door
			if fid, err = e.begin(r, o, false); err != nil {
				return err
			}
		}
		redirect(w, "/signin/"+string(fid))
		return nil
	}
	var visited []backchannel.Visit
	err = e.DB.Write(r.Context(), func(tx *db.Tx) error {
		visited = nil
		for _, live := range []session.Session{v.Session, aside} {
			in, err := e.end(tx, r, live, o)
			if err != nil {
				return err
			}
			visited = append(visited, in...)
		}
		if fid == "" {
			return nil
		}
		_, err := e.Flows.End(tx, fid)
		return err
	})
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	e.Telling.Await(r.Context(), visited)
	ended := proven || aside.ID != ""
	if ended {
		e.Visitor.SignedOut(w, r)
	}
	switch door := cmp.Or(v.Session.Facts.Partner.Door, aside.Facts.Partner.Door, o.Door); {
	case o.Landing != "":
		return e.land(w, r, o)
	case (ended || o.Door != "") && door != "": // the page offers to sign out at the partner, too
		redirect(w, pathSignedOut+"?partner="+url.QueryEscape(door))
	default:
		redirect(w, pathSignedOut)
	}
	return nil
}

// of reports whether the request comes from a service of a live session, as its
// id_token_hint proves.
func (o order) of(live session.Session) bool {
	return live.ID != "" && o.SessionID != "" &&
		secret.Equal([]byte(o.SessionID), []byte(protocol.SessionID(string(live.ID), o.Client)))
}

// aside is the live session that was set aside in this browser; the zero one for none.
func (e *Endpoint) aside(r *http.Request) (session.Session, error) {
	var out session.Session
	held := e.Visitor.Held(r)
	if held == "" {
		return out, nil
	}
	err := e.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		out, err = e.Visitor.Sessions.FindLive(tx, held)
		return err
	})
	if err != nil {
		return session.Session{}, fmt.Errorf("logout: %w", err)
	}
	return out, nil
}

// end ends a session, with what else of it this browser has opened, and tells what was visited there.
func (e *Endpoint) end(tx *db.Tx, r *http.Request, live session.Session, o order) ([]backchannel.Visit, error) {
	if live.ID == "" {
		return nil, nil
	}
	there, err := e.Visitor.Sessions.There(live)
	if err != nil {
		return nil, err
	}
	if err := e.Leavings.Begin(tx, e.Visitor.Of(r).Browser, upstream.ID(live.Facts.Partner.Door), live.ID, there); err != nil {
		return nil, err
	}
	all, err := e.Visitor.Sessions.InLineage(tx, live.ID)
	if err != nil {
		return nil, err
	}
	visited, err := e.Visits.In(tx, all...)
	if err != nil {
		return nil, err
	}
	if err := e.Visits.Leave(tx, e.Visitor.Of(r).Browser, all...); err != nil {
		return nil, err
	}
	ended, err := e.Visitor.Sessions.EndLineage(tx, live.ID, session.SignedOut)
	if err != nil || !ended {
		return visited, err
	}
	return visited, e.Audit.Record(tx, audit.Event{
		Name: audit.Signout, Account: live.Account, RelyingParty: id.RelyingParty(o.Client), Session: live.ID, Outcome: audit.Success,
		Personal: audit.Personal{IP: kit.ClientIP(r), UserAgent: e.Visitor.Of(r).UserAgent}, Data: map[string]string{"from": o.Client},
	})
}

// begin stores the request in a flow. A blind one came without cookies and is bound at finish.
func (e *Endpoint) begin(r *http.Request, o order, blind bool) (id.Flow, error) {
	if err := e.Limiter.Allow(r.Context(), ratelimit.FlowIP, kit.ClientIP(r)); err != nil {
		return "", fmt.Errorf("logout: %w", err)
	}
	text, err := flow.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("logout: %w", err)
	}
	state := flow.State{Kind: flow.SignOut, Request: text, Locale: o.Locale}
	if o.Landing != "" {
		state.ReturnOrigin = relyingparty.Origin(o.Landing)
	}
	n := flow.Prepare(id.RelyingParty(o.Client), state)
	n.State.Finish = "/logout/finish/" + string(n.ID)
	n.IP = kit.ClientIP(r)
	if !blind {
		n.Browser = e.Visitor.Of(r).Browser
	}
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		_, err := e.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("logout: %w", err)
	}
	return n.ID, nil
}

// finish goes on with a stored request: after the question, or after a POST.
func (e *Endpoint) finish(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return fault.New(fault.Invalid, "oidc.head")
	}
	fid := id.Flow(r.PathValue("flow"))
	browser := secret.Digest(kit.EnsureBrowser(w, r))
	var f flow.Flow
	err := e.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		var err error
		f, err = e.Flows.Bind(tx, fid, browser)
		return err
	})
	if fault.Is(err, fault.Expired) {
		redirect(w, pathSignedOut)
		return nil
	}
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	o, err := e.stored(r, f)
	if err != nil {
		return err
	}
	return e.decide(w, r, o, fid)
}

// redirect is 303: a POST must become a GET.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
