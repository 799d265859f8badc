// Package ciba is the backchannel authentication endpoint (OpenID Connect Client-Initiated
// Backchannel Authentication Core 1.0, 7): a service asks somebody to confirm who is not in
// front of it. The person is reached by mail, and by text where
// they have a telephone (text.go), and answers at /confirmations (package
// web/askedui); the service asks the token endpoint what they said.
//
// Only who is connected to the service, and has agreed to share what it asks for, can be
// reached. Everybody else is unknown_user_id alike: the service learns nothing of an account
// that it does not know.
package ciba

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/phone"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
)

// Endpoint answers services. All fields must be set.
type Endpoint struct {
	Issuer      string // without a slash at the end
	Door        *machine.Door
	DB          *db.DB
	Keys        *relyingparty.Keys
	Keyring     *keyring.Keyring
	Accounts    account.Accounts
	Phones      phone.Phones
	Connections connection.Connections
	Asked       ciba.Requests
	Grants      grant.Grants
	Limiter     *ratelimit.Limiter
	Outbox      *notify.Outbox
	Audit       *audit.Log
	Now         func() time.Time
	Table       policy.Table
}

// Routes adds the endpoint's address.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.PathCIBA, e.Door.Handle(e.begin))
}

// Doors are the addresses that other sites may POST to.
func Doors() []string { return []string{"POST " + protocol.PathCIBA} }

// spent is what is good for one request: what authenticated the client, and its object.
type spent struct{ assertion, object *grant.Assertion }

// begin asks a person for a service (CIBA, 7.2 and 7.3).
func (e *Endpoint) begin(w http.ResponseWriter, r *http.Request) error {
	party, sent, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	if party.Public() || !party.Grants(protocol.GrantCIBA) {
		return e.Door.Refused(r, party, protocol.NotRegistered())
	}
	if err := e.Limiter.Allow(r.Context(), ratelimit.CIBAClient, string(party.ID)); err != nil {
		return fmt.Errorf("ciba: %w", err)
	}
	params, object, bad, err := e.unwrap(r, party, sent)
	if err != nil {
		return err
	}
	var request *wanted
	if bad == nil {
		request, bad = readRequest(params, party, e.Issuer)
	}
	if bad == nil && !e.Table.Possible(policy.Demand{ACR: request.ACR, Essential: request.EssentialACR, Floor: party.ACR}) {
		bad = protocol.Unreachable(protocol.Direct)
	}
	token := ""
	if bad == nil && party.Pinged() {
		token, bad = notificationToken(params)
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	asked := ciba.Prepare(party.ID)
	asked.Scopes, asked.ACR, asked.Message, asked.Resources = request.Scopes, request.ACR, request.Message, request.Resources
	if asked.Claims, err = request.KeepClaims(); err != nil {
		return fmt.Errorf("ciba: %w", err)
	}
	asked.NotificationToken = token
	asked.Life = e.Asked.Settings.LifeOf(request.Expiry)
	bad, err = e.keep(r, party, request, asked, spent{assertion: assertion, object: object})
	if err != nil {
		return err
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	return machine.Answer(w, http.StatusOK, map[string]any{
		"auth_req_id": asked.AuthReqID, "expires_in": int64(asked.Life / time.Second), "interval": int64(e.Asked.Settings.Interval / time.Second),
	})
}

// unwrap gives the parameters that count: those of a signed request of a client that signs,
// or those that were sent by one that does not (CIBA, 7.1.1).
func (e *Endpoint) unwrap(r *http.Request, party *relyingparty.RelyingParty, sent protocol.Params) (protocol.Params, *grant.Assertion, *protocol.Error, error) {
	refused := func(description string) (protocol.Params, *grant.Assertion, *protocol.Error, error) {
		return sent, nil, refusal(protocol.InvalidRequest, description), nil
	}
	object := sent.Get("request")
	switch {
	case sent.Repeated():
		return refused("a parameter was sent twice")
	case object == "" && party.BackchannelRequestAlg == "":
		return sent, nil, nil, nil
	case object == "":
		return refused("the client registered that it signs its requests")
	case party.BackchannelRequestAlg == "":
		return refused("the client did not register that it signs its requests")
	}
	payload, _, err := e.Keys.Verify(r.Context(), party, object, party.BackchannelRequestAlg)
	switch {
	case fault.Is(err, fault.Unavailable):
		return sent, nil, nil, fmt.Errorf("ciba: %w", err)
	case err != nil:
		return refused("the request was not signed with a registered key and the registered algorithm of the client")
	}
	params, jti, expires, bad := protocol.BackchannelObject(sent, payload, string(party.ID), e.Issuer, e.Now())
	return params, &grant.Assertion{JTI: jti, Expires: expires}, bad, nil
}

// person is who can be reached by a hint; false for nobody.
type person struct {
	account account.Account
	mailbox account.Addr
}

// find is who a hint means, if the service may reach them: an active account that is
// connected to it and agreed to share what is asked for. An address counts only if the
// service is told that very one, so that no service can learn whose it is by trying.
func (e *Endpoint) find(tx *db.Tx, party *relyingparty.RelyingParty, request *wanted, subject string) (person, bool, error) {
	var who id.Account
	var found bool
	var err error
	addr, parsed := account.Addr{}, false
	if subject == "" && strings.Contains(request.LoginHint, "@") {
		if a, err := account.ParseAddress(request.LoginHint); err == nil {
			addr, parsed = a, true
		}
		if !parsed {
			return person{}, false, nil
		}
		var a account.Account
		a, found, err = e.Accounts.ByAddress(tx, addr)
		who = a.ID
	} else {
		who, found, err = e.Connections.BySubject(tx, party.Sector, subject)
	}
	if err != nil || !found {
		return person{}, false, err
	}
	if request.Subject != "" { // the claims parameter names who it must be (OpenID Connect Core 1.0, 5.5.1)
		named, found, err := e.Connections.BySubject(tx, party.Sector, request.Subject)
		if err != nil || !found || named != who {
			return person{}, false, err
		}
	}
	want := connection.Asked{Account: who, RelyingParty: party.ID, Claims: request.Attributes(), Period: party.ConsentPeriod}
	if why, err := e.Connections.Needed(tx, want); err != nil || why != connection.NotNeeded {
		return person{}, false, err
	}
	conn, found, err := e.Connections.Get(tx, who, party.ID)
	if err != nil || !found {
		return person{}, false, err
	}
	a, told, found, err := e.Accounts.WithAddress(tx, who, conn.Address)
	if err != nil || !found || a.Status != account.Active || told.ID == "" {
		return person{}, false, err
	}
	if parsed && (!slices.Contains(conn.Claims, claim.Email) || told.ProvenAt.IsZero() || told.Address.Key != addr.Key) {
		return person{}, false, nil
	}
	mailbox, err := e.Accounts.Mailbox(tx, who)
	return person{account: a, mailbox: mailbox}, err == nil, err
}

// subject is by which the service knows whom it means: that of an ID token that we gave to
// it, or what it wrote as login_hint; "" for an address, and for nobody.
func (e *Endpoint) subject(request *wanted) (string, *protocol.Error) {
	if request.Hint == "" {
		if strings.Contains(request.LoginHint, "@") {
			return "", nil
		}
		return request.LoginHint, nil
	}
	bad := refusal(protocol.InvalidRequest, "id_token_hint is no ID token given to this client")
	payload, head, err := e.Keyring.Set().Verify(request.Hint, jose.Algorithms()...)
	if err != nil || !protocol.MayBeIDToken(head.Type) {
		return "", bad.Because(protocol.HintSignature)
	}
	hint, ok := protocol.ReadHint(payload, e.Issuer)
	if !ok || hint.Audience[0] != request.ClientID {
		return "", bad.Because(protocol.HintOfOther)
	}
	return hint.Subject, nil
}

// keep stores a request and tells its person, unless what it came with was used before, or
// nobody can be reached, or not again so soon.
func (e *Endpoint) keep(r *http.Request, party *relyingparty.RelyingParty, request *wanted, asked ciba.Request, once spent) (bad *protocol.Error, err error) {
	subject, refused := e.subject(request)
	texts, err := e.texts(r.Context(), party)
	if err != nil {
		return nil, err
	}
	err = e.DB.Write(r.Context(), func(tx *db.Tx) error {
		bad, err = e.spend(tx, party, once)
		if err != nil {
			return err
		}
		if bad = cmp.Or(bad, refused); bad != nil {
			return nil //nolint:nilerr // a refusal that is answered, and what was spent stays so
		}
		who, found, err := e.find(tx, party, request, subject)
		if err != nil {
			return err
		}
		if !found {
			bad = protocol.PersonUnknown()
			return nil
		}
		room, err := e.room(tx, party, who)
		if err != nil {
			return err
		}
		if !room {
			bad = protocol.TooManyAsked()
			return nil
		}
		return e.tell(tx, party, asked, who, texts)
	})
	if err != nil {
		return nil, fmt.Errorf("ciba: begin: %w", err)
	}
	return bad, nil
}

// spend notes what a request came with, and refuses what was used before: an assertion as that
// of nobody, an object as any other that is wrong (CIBA, 13).
func (e *Endpoint) spend(tx *db.Tx, party *relyingparty.RelyingParty, once spent) (*protocol.Error, error) {
	result, err := e.Grants.Spend(tx, party.ID, once.assertion, nil)
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by keep
	}
	if result.Outcome != "" {
		return protocol.ClientRefused().Because(protocol.AssertionReplayed), nil
	}
	if result, err = e.Grants.Spend(tx, party.ID, once.object, nil); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by keep
	}
	if result.Outcome != "" {
		return refusal(protocol.InvalidRequest, "the signed request was used before; jti is good once"), nil
	}
	return nil, nil
}

// room reports whether a person may be written to once more: by the service, and by all of
// them together. What the service's own count refuses does not count for the others.
func (e *Endpoint) room(tx *db.Tx, party *relyingparty.RelyingParty, who person) (bool, error) {
	own, err := e.Limiter.TakeIn(tx, ratelimit.CIBAAccount, string(party.ID)+"|"+string(who.account.ID))
	if err != nil || !own.Allowed {
		return false, err //nolint:wrapcheck // wrapped by keep
	}
	all, err := e.Limiter.TakeIn(tx, ratelimit.CIBAMail, string(who.account.ID))
	return all.Allowed, err //nolint:wrapcheck // wrapped by keep
}

// tell stores the request and writes to its person: a mail, and a text when texts may be sent.
func (e *Endpoint) tell(tx *db.Tx, party *relyingparty.RelyingParty, asked ciba.Request, who person, texts bool) error {
	asked.Account = who.account.ID
	if err := e.Asked.Begin(tx, asked); err != nil {
		return err
	}
	mail := notify.Message{
		To: who.mailbox.Written, Locale: who.account.Locale, Account: who.account.ID, Expires: tx.Now().Add(asked.Life),
		Data: notice.Confirmation{Service: party.InMail(), Name: asked.ID, Message: asked.Message, Valid: asked.Life, At: tx.Now()},
	}
	if err := e.Outbox.Queue(tx, mail); err != nil {
		return err
	}
	err := e.Audit.Record(tx, audit.Event{Name: audit.CIBAAsked, Account: who.account.ID, RelyingParty: party.ID, Outcome: audit.Success})
	if err != nil || !texts {
		return err
	}
	return e.text(tx, party, mail)
}
