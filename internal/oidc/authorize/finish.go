package authorize

import (
	"encoding/json"
	"fmt"
	"net/http"

	"parvis/internal/audit"
	"parvis/internal/backchannel"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// verdict is where a request stands.
type verdict string

// The verdicts: a code may be made; the dispatcher names the next step; or what
// is asked cannot be reached. The others are the errors of prompt=none.
const (
	ready        verdict = "ready"
	needLogin    verdict = "login"
	needAgain    verdict = "again" // somebody is signed in, but not well enough
	needConsent  verdict = "consent"
	needChoice   verdict = "choice"
	needMore     verdict = "more"
	refused      verdict = "refused"
	otherSubject verdict = "other"
	used         verdict = "used"  // the pushed request gave an authorization before
	blind        verdict = "blind" // the cookies could not be read: finish judges
)

// refusal is the error for a request that may not show a page (OpenID Connect Core 1.0, 3.1.2.6).
func (v verdict) refusal() *protocol.Error {
	out := &protocol.Error{Where: protocol.ToClient, Cause: v.cause()}
	switch v {
	case needConsent:
		out.Code, out.Description = protocol.ConsentRequired, "the person has not agreed to share what is asked for"
	case needLogin, needAgain, otherSubject:
		out.Code, out.Description = protocol.LoginRequired, "the person must sign in"
	case needChoice:
		out.Code, out.Description = protocol.InteractionRequired, "an application without a secret or https address needs the person to confirm"
	case refused:
		return impossible()
	default:
		out.Code, out.Description = protocol.InteractionRequired, "the person must be asked something"
	}
	return out
}

// cause is what the operator's log says of a verdict.
func (v verdict) cause() protocol.Cause {
	switch v {
	case needConsent:
		return protocol.ConsentMissing
	case needLogin:
		return protocol.NobodySignedIn
	case needAgain:
		return protocol.SignInNotEnough
	case otherSubject:
		return protocol.SubjectDiffers
	case needChoice:
		return protocol.ChoiceDemanded
	default:
		return protocol.AnswerDemanded
	}
}

// impossible answers an essential acr that does not exist here.
func impossible() *protocol.Error { return protocol.Unreachable(protocol.ToClient) }

// look judges by the request alone one that has no flow yet. What only the
// database knows, mint judges in the transaction that makes the code: it is
// judged there anyway, and most who come with a session have one that is enough.
func (e *Endpoint) look(r *http.Request, in incoming) verdict {
	if in.request.Prompt.Create {
		return needMore
	}
	if e.Visitor.Of(r).Session != "" {
		return ready
	}
	if !e.Table.Possible(demand(in)) {
		return refused
	}
	return needLogin
}

// judge asks the dispatcher's own rule, with what the database says now.
// The second result is the subject by which the service knows the person; "" when there is none yet.
func (e *Endpoint) judge(tx *db.Tx, v visit.Visit, in incoming, f flow.Flow) (out verdict, subject string, err error) {
	p := signin.Position{
		Kind: f.State.Kind, Progress: f.State.Progress, RelyingParty: in.party.ID, Demand: f.State.Demand,
		SelectAccount: f.State.SelectAccount, ForceConsent: f.State.ForceConsent, Finish: f.State.Finish,
	}
	if !e.Table.Possible(f.State.Demand) {
		return refused, "", nil
	}
	if v.SignedIn {
		p.Live = &signin.Live{Session: v.Session.ID, Account: v.Account.ID, Facts: v.Session.Facts}
		known, err := e.Connections.Stand(tx, connection.Asked{
			Account: v.Account.ID, RelyingParty: in.party.ID, Claims: in.request.Attributes(), Period: in.party.ConsentPeriod,
		}, in.party.Sector)
		if err != nil {
			return "", "", err
		}
		p.Agreed, subject = known.Reason == connection.NotNeeded, known.Subject
		if in.request.Subject != "" && in.request.Subject != subject {
			return otherSubject, "", nil
		}
	}
	step, _ := signin.Next(e.Table, p, tx.Now())
	if step.Second() {
		return needAgain, "", nil
	}
	switch step {
	case signin.StepFinish:
		if !v.SignedIn {
			return needLogin, "", nil
		}
		return ready, subject, nil
	case signin.StepSignIn:
		if v.SignedIn {
			return needAgain, "", nil
		}
		return needLogin, "", nil
	case signin.StepConsent:
		return needConsent, "", nil
	case signin.StepContinue:
		return needChoice, "", nil
	default:
		return needMore, "", nil
	}
}

// finish completes a journey: it makes the code if the rule agrees, and leads
// back to the dispatcher otherwise. A flow that was begun by a POST is bound here.
func (e *Endpoint) finish(w http.ResponseWriter, r *http.Request) error {
	in, f, err := e.load(w, r)
	if err != nil {
		return goOn(w, r, err)
	}
	if in.party.Disabled {
		return e.page(w, r, &protocol.Error{Code: protocol.UnauthorizedClient, Description: "the client is disabled", Cause: protocol.ClientDisabled}, in.party)
	}
	kit.SceneOf(r).Reference = f.Reference
	return e.mint(w, r, in, f.ID)
}

// goOn answers for a request whose flow cannot be loaded: one that is over has a
// page, which leads back to the service.
func goOn(w http.ResponseWriter, r *http.Request, err error) error {
	if !fault.Is(err, fault.Expired) {
		return err
	}
	redirect(w, "/signin/"+r.PathValue("flow"))
	return nil
}

// load binds and reads the flow of a path with the request stored in it. A HEAD
// request (of a link scanner) is refused: it must not complete or give up anything.
func (e *Endpoint) load(w http.ResponseWriter, r *http.Request) (incoming, flow.Flow, error) {
	if r.Method == http.MethodHead {
		return incoming{}, flow.Flow{}, fault.New(fault.Invalid, "oidc.head")
	}
	fid := id.Flow(r.PathValue("flow"))
	browser := secret.Digest(kit.EnsureBrowser(w, r))
	var f flow.Flow
	err := e.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		var err error
		f, err = e.Flows.Bind(tx, fid, browser)
		return err
	})
	if err != nil {
		return incoming{}, f, err //nolint:wrapcheck // a fault that the caller and the kit know
	}
	return e.stored(r, f)
}

func (e *Endpoint) stored(r *http.Request, f flow.Flow) (incoming, flow.Flow, error) {
	var request protocol.Request
	if f.State.Kind != flow.SignIn || len(f.State.Request) == 0 {
		return incoming{}, f, kit.NotFound()
	}
	if err := json.Unmarshal(f.State.Request, &request); err != nil {
		return incoming{}, f, fmt.Errorf("authorize: stored request: %w", err)
	}
	party, err := e.Registry.Get(r.Context(), f.RelyingParty)
	if err != nil {
		return incoming{}, f, fmt.Errorf("authorize: %w", err)
	}
	// The registration may have changed since: the address is compared again.
	if !protocol.MatchRedirect(party.RedirectURIs, party.Native, request.RedirectURI) {
		return incoming{}, f, fault.New(fault.Denied, "oidc.redirect-gone")
	}
	return incoming{request: &request, party: party}, f, nil
}

// mint makes the code in one transaction that reads session, account, consent
// and flow again. Without a flow the request came with a session that was enough.
func (e *Endpoint) mint(w http.ResponseWriter, r *http.Request, in incoming, fid id.Flow) error {
	code, gid := secret.NewToken(), id.New[id.Grant]()
	if _, err := e.protector(r.Context(), in); err != nil { // before anything is used up
		return err
	}
	var out verdict
	err := e.DB.Write(r.Context(), func(tx *db.Tx) error {
		v, err := e.Visitor.ReadIn(tx, r)
		if err != nil {
			return err
		}
		f := flow.Flow{State: e.state(in, nil), RelyingParty: in.party.ID}
		if fid != "" {
			if f, err = e.Flows.Load(tx, fid, v.Browser); err != nil {
				return err
			}
		}
		var subject string
		out, subject, err = e.judge(tx, v, in, f)
		if err != nil || out != ready {
			return err
		}
		if in.request.Pushed != "" {
			first, err := e.Pushed.Use(tx, in.request.Pushed)
			if err != nil {
				return err
			}
			if !first {
				out = used
				return nil
			}
		}
		if fid != "" {
			if _, err := e.Flows.End(tx, fid); err != nil {
				return err
			}
		}
		return e.issue(tx, v, in, subject, f.State.Demand, gid, code)
	})
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	switch {
	case out == ready:
		return e.answer(w, r, in, in.request.Granted(e.Issuer, code))
	case out == used:
		return e.page(w, r, usedUp(), in.party)
	case in.request.Prompt.None, out == refused, out == otherSubject && fid != "" && !e.chooses(r, fid):
		return e.give(w, r, in, fid, out.refusal())
	case fid == "":
		return e.begin(w, r, in, out)
	default:
		redirect(w, "/signin/"+string(fid))
		return nil
	}
}

// chooses reports whether the person of a flow can still choose as whom to go on.
func (e *Endpoint) chooses(r *http.Request, fid id.Flow) bool {
	chooses := false
	err := e.DB.Read(r.Context(), func(tx *db.Tx) error {
		v, err := e.Visitor.ReadIn(tx, r)
		if err != nil {
			return err
		}
		f, err := e.Flows.Load(tx, fid, v.Browser)
		if err != nil {
			return err
		}
		p := f.State.Progress
		chooses = !v.SignedIn || p.Session != v.Session.ID && p.Confirmed != v.Session.ID
		return nil
	})
	return err == nil && chooses
}

// issue stores what the service is given.
func (e *Endpoint) issue(tx *db.Tx, v visit.Visit, in incoming, subject string, d policy.Demand, gid id.Grant, code string) error {
	if subject == "" { // the first sign-in at a service of this sector
		made, err := e.Connections.Subject(tx, in.party.Sector, v.Account.ID)
		if err != nil {
			return err
		}
		subject = made
	}
	if err := e.Connections.Used(tx, v.Account.ID, in.party.ID); err != nil {
		return err
	}
	if e.Visitor.Sessions.Due(v.Session, tx.Now()) {
		if _, err := e.Visitor.Sessions.Touch(tx, v.Session.ID); err != nil {
			return err
		}
	}
	if in.party.WantsLogout() {
		err := e.Visits.Note(tx, backchannel.Visit{
			Session: v.Session.ID, Origin: v.Session.ID, RelyingParty: in.party.ID, Account: v.Account.ID, Subject: subject, Ends: v.Session.EndsAt,
		})
		if err != nil {
			return err
		}
	}
	g, err := grant.Asked(in.request, in.party.AsClient(e.Issuer), in.party.IDTokenClaims)
	if err != nil {
		return err
	}
	g.ID, g.Account, g.RelyingParty, g.Subject = gid, v.Account.ID, in.party.ID, subject
	g.Session, g.Lineage = v.Session.ID, v.Session.Lineage
	g.ACR, g.AMR, g.AuthTime = e.Table.ACR(d, v.Session.Facts), policy.AMR(v.Session.Facts), v.Session.Facts.AuthenticatedAt()
	return e.Grants.Issue(tx, g, grant.Code{Digest: secret.Digest(code), RedirectURI: in.request.RedirectURI, Challenge: in.request.Challenge, Thumbprint: in.request.Thumbprint})
}

// cancel gives a request up: the service is told that access was denied.
func (e *Endpoint) cancel(w http.ResponseWriter, r *http.Request) error {
	in, f, err := e.load(w, r)
	if err != nil {
		return goOn(w, r, err)
	}
	return e.give(w, r, in, f.ID, &protocol.Error{
		Code: protocol.AccessDenied, Where: protocol.ToClient, Description: "the person did not agree or went back", Cause: protocol.PersonDeclined,
	})
}

// give ends a flow, if there is one, and answers the service with an error.
func (e *Endpoint) give(w http.ResponseWriter, r *http.Request, in incoming, fid id.Flow, bad *protocol.Error) error {
	if fid != "" {
		err := e.DB.Write(r.Context(), func(tx *db.Tx) error {
			ended, err := e.Flows.End(tx, fid)
			if err != nil || !ended {
				return err
			}
			return e.Audit.Record(tx, audit.Event{
				Name: audit.AuthorizeRefused, RelyingParty: in.party.ID, Flow: fid, Outcome: audit.Refused, Reason: string(bad.Code),
			})
		})
		if err != nil {
			return fmt.Errorf("authorize: %w", err)
		}
	}
	return e.refuse(w, r, in, bad)
}
