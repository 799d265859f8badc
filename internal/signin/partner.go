package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// linkWithin is for how long a sign-in at a partner can be linked to an account.
const linkWithin = 30 * time.Minute

// OtherAccount is why a sign-in at a partner does not count, beside the failures of the
// partner itself: it does not open the account of who is signed in, and was to prove it.
const OtherAccount upstream.Failure = "other-account"

// Partner sends somebody to a sign-in partner. Nothing of the waiting service is told
// there but an age, or a wish to sign in anew, where it demands that. The level that it
// demands is not: it would say what kind of service it is, and what the sign-in there is
// worth less, people prove here by a second step.
// When the partner cannot be asked, the dispatcher names the page that says why.
// Fault Conflict when the flow no longer asks who the person is, NotFound for a
// partner that does not exist.
func (j *Journey) Partner(ctx context.Context, v flow.Visitor, fid id.Flow, provider upstream.ID) error {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return err
	}
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return err
	}
	var ask upstream.Ask
	var linking bool
	var left scene // where the person is without the branch that they leave
	enter := func(tx *db.Tx) (scene, error) {
		s, err := j.enter(tx, v, fid, service)
		if err == nil && !Allowed(s.due, StepSignIn) {
			err = flow.OutOfTurn()
		}
		if left = s; err == nil && !s.linking() && !s.creating() {
			left.flow.State.Progress = s.flow.State.Progress.Restart(flow.TaskSignIn, "")
			left, err = j.place(tx, v, left.flow, service)
		}
		return s, err
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := enter(tx)
		d := s.flow.State.Demand
		linking = s.linking()
		if err == nil && !linking && !d.Doors.Opens(string(provider)) {
			err = flow.OutOfTurn() // the page does not offer it
		}
		ask = upstream.Ask{MaxAge: d.MaxAge, Fresh: d.ForceLogin || left.again() || s.creating(), Lang: i18n.Lang(v.Locale)}
		return err
	})
	if err != nil {
		return fmt.Errorf("signin: partner: %w", err)
	}
	if linking { // it is asked once more
		return j.linkAgain(ctx, v, fid, StepHandOff, StepPartnerFailed)
	}
	next, err := j.ask(ctx, v, fid, provider, ask)
	if err != nil {
		return fmt.Errorf("signin: partner: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := enter(tx)
		if err != nil {
			return err
		}
		before := s.flow.State.Progress
		left.flow.State.Progress.Partner = next
		if left.again() {
			left.flow.State.Progress.Partner.For = left.live.Account
		}
		return j.save(tx, left.flow, before)
	})
	if err != nil {
		return fmt.Errorf("signin: partner: %w", err)
	}
	return nil
}

// ask makes the request of a partner, or notes why it cannot be asked; fid is "" before
// the journey has begun.
func (j *Journey) ask(ctx context.Context, v flow.Visitor, fid id.Flow, provider upstream.ID, ask upstream.Ask) (flow.Partner, error) {
	next := flow.Partner{Asked: string(provider)}
	request, err := j.Upstreams.Begin(ctx, provider, ask)
	switch failure := upstream.FailureOf(err); {
	case err == nil:
		text, err := json.Marshal(request.Pending)
		if err != nil {
			return flow.Partner{}, fmt.Errorf("pending: %w", err)
		}
		next.URL, next.Pending = request.URL, string(text)
		if next.Form, err = flow.PackForm(request.Form); err != nil {
			return flow.Partner{}, err
		}
	case failure != "":
		next.Failure = string(failure)
		e := audit.Event{
			Name: audit.UpstreamFailed, Flow: fid, Outcome: audit.Failed, Reason: next.Failure, Personal: v.Personal(""),
			Data: map[string]string{"provider": next.Asked, "code": upstream.CodeOf(err)},
		}
		if err := j.DB.Write(ctx, func(tx *db.Tx) error { return j.Audit.Record(tx, e) }); err != nil {
			return flow.Partner{}, err
		}
	default:
		return flow.Partner{}, err
	}
	return next, nil
}

// PartnerPosted keeps what a page of a partner posted until this browser comes for it
// with PartnerHanded: a post of another site comes without our cookies, and what SAML
// posts is too long for an address. Nobody is known here, and nothing is believed.
// Fault NotFound for a partner that posts nothing, Expired for an answer to nothing that
// was asked, or too long ago.
func (j *Journey) PartnerPosted(ctx context.Context, v flow.Visitor, provider upstream.ID, fields url.Values) (handle string, err error) {
	if err := j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP); err != nil {
		return "", err
	}
	p, err := j.Upstreams.Get(ctx, provider)
	if err == nil && (p.Disabled || p.Protocol != upstream.SAML) {
		err = fault.New(fault.NotFound, "error.upstream.unknown")
	}
	if err != nil {
		return "", fmt.Errorf("signin: partner: %w", err)
	}
	return j.Answers.Keep(ctx, provider, v.IP, fields)
}

// PartnerHanded is PartnerReturn for an answer that PartnerPosted has kept. It is given
// away once, to whichever browser names it, and is good only in the one that waits for it.
func (j *Journey) PartnerHanded(ctx context.Context, v flow.Visitor, provider upstream.ID, handle string) (id.Flow, Result, error) {
	answer, found, err := j.Answers.Take(ctx, provider, handle)
	if err != nil {
		return "", Result{}, err
	}
	if !found {
		if err := j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP); err != nil {
			return "", Result{}, err
		}
		return "", Result{}, fault.New(fault.NotFound, "error.flow.not-found")
	}
	return j.partnerReturn(ctx, v, provider, answer)
}

// PartnerReturn takes what a browser brought back from a partner: it belongs to the one
// journey of this browser that waits for it, and is checked once. Fault NotFound when
// no journey of this browser does: the answer is somebody else's, or a repetition.
func (j *Journey) PartnerReturn(ctx context.Context, v flow.Visitor, provider upstream.ID, answer upstream.Answer) (id.Flow, Result, error) {
	var waits bool
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		_, _, waits, err = j.waiting(tx, v, provider, answer.State())
		return err
	})
	if err == nil && !waits { // only these count: what strangers bring keeps nobody from coming back
		err = j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP)
		if err == nil {
			err = fault.New(fault.NotFound, "error.flow.not-found")
		}
	}
	if err != nil {
		return "", Result{}, fmt.Errorf("signin: partner: %w", err)
	}
	return j.partnerReturn(ctx, v, provider, answer)
}

func (j *Journey) partnerReturn(ctx context.Context, v flow.Visitor, provider upstream.ID, answer upstream.Answer) (id.Flow, Result, error) {
	taken, err := j.takePending(ctx, v, provider, answer.State())
	if err != nil {
		return "", Result{}, err
	}
	fid := taken.flow
	a, err := j.Upstreams.Finish(ctx, taken.pending, answer)
	if failure := upstream.FailureOf(err); err != nil && failure != "" {
		return fid, Result{}, j.partnerFailed(ctx, v, taken, failure, err)
	}
	if err != nil {
		return fid, Result{}, fmt.Errorf("signin: partner: %w", err)
	}
	switch {
	case taken.adding:
		return fid, Result{}, j.addCame(ctx, v, taken, provider, a)
	case taken.linking:
		if err := j.linkCame(ctx, v, taken, a); err != nil {
			return fid, Result{}, err
		}
		if again, err := j.opens(ctx, v, fid, provider); err != nil || !again {
			return fid, Result{}, err
		}
	}
	out, err := j.partnerCame(ctx, v, taken, provider, a)
	return fid, out, err
}

// opens reports whether who has just linked a partner is signed in through a door that
// the service does not take, while it takes the partner: then the sign-in there counts.
func (j *Journey) opens(ctx context.Context, v flow.Visitor, fid id.Flow, provider upstream.ID) (out bool, err error) {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return false, err
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, v, fid, service)
		out = err == nil && s.due == StepSignIn && s.why == ReasonDoor && s.flow.State.Demand.Doors.Opens(string(provider))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("signin: partner: %w", err)
	}
	return out, nil
}

// taken is what a journey waited for.
type taken struct {
	flow            id.Flow
	pending         upstream.Pending
	mark            string // left in the journey: its answer counts while it is there
	adding, linking bool   // what becomes of it; neither: the person signs in
}

// takePending finds the journey that waits for an answer and takes away what it
// remembers for it: whoever presents the answer a second time finds nothing.
func (j *Journey) takePending(ctx context.Context, v flow.Visitor, provider upstream.ID, state string) (taken, error) {
	var out taken
	mark := rand.Text()
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out = taken{}
		f, pending, found, err := j.waiting(tx, v, provider, state)
		if err != nil || !found {
			return err
		}
		p := &f.State.Progress.Partner
		out = taken{flow: f.ID, pending: pending, mark: mark, adding: f.State.Kind == flow.Adding, linking: p.By != ""}
		p.Pending, p.URL, p.Form, p.Mark = "", "", "", mark
		_, err = j.Flows.Save(tx, f)
		return err
	})
	if err != nil {
		return taken{}, fmt.Errorf("signin: partner: %w", err)
	}
	if out.flow == "" {
		return taken{}, fault.New(fault.NotFound, "error.flow.not-found")
	}
	return out, nil
}

// partnerFailed keeps why a sign-in at a partner came to nothing, for its page.
func (j *Journey) partnerFailed(ctx context.Context, v flow.Visitor, t taken, failure upstream.Failure, cause error) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := j.Flows.Load(tx, t.flow, v.Browser)
		if err != nil {
			return err
		}
		before := f.State.Progress
		if t.awaited(f) {
			f.State.Progress.Partner.Mark, f.State.Progress.Partner.Failure = "", string(failure)
		}
		e := f.Event(audit.UpstreamFailed, v, "", "")
		e.Outcome, e.Reason, e.Data = audit.Failed, string(failure), map[string]string{"provider": string(t.pending.Provider), "code": upstream.CodeOf(cause)}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
		return j.save(tx, f, before)
	})
	if err != nil {
		return fmt.Errorf("signin: partner: %w", err)
	}
	return nil
}

// waiting finds the journey of a browser that waits for an answer, and what it remembers
// for it.
func (j *Journey) waiting(tx *db.Tx, v flow.Visitor, provider upstream.ID, state string) (flow.Flow, upstream.Pending, bool, error) {
	if state == "" {
		return flow.Flow{}, upstream.Pending{}, false, nil
	}
	open, err := j.Flows.Open(tx, v.Browser)
	if err != nil {
		return flow.Flow{}, upstream.Pending{}, false, err
	}
	for _, known := range open {
		f, err := j.Flows.Load(tx, known.Flow, v.Browser)
		if err != nil {
			return flow.Flow{}, upstream.Pending{}, false, err
		}
		var found upstream.Pending
		p := f.State.Progress.Partner
		if p.Waits() && json.Unmarshal([]byte(p.Pending), &found) == nil && found.State == state && found.Provider == provider {
			return f, found, true, nil
		}
	}
	return flow.Flow{}, upstream.Pending{}, false, nil
}

// awaited reports whether a journey still waits for what comes of an answer: while it was
// checked, the person may have signed in another way, given up, or gone there again.
func (t taken) awaited(f flow.Flow) bool { return f.State.Progress.Partner.Mark == t.mark }

// partnerCame goes on with a checked sign-in: as the account that is linked to it, or
// else as somebody who is asked whether they have one. Fault Conflict when the journey
// has moved on.
func (j *Journey) partnerCame(ctx context.Context, v flow.Visitor, t taken, provider upstream.ID, came upstream.Assertion) (Result, error) {
	a, link, found, err := j.linked(ctx, v, t.flow, came)
	if err != nil {
		return Result{}, err
	}
	presence, err := came.Presence.Text()
	if err != nil {
		return Result{}, fmt.Errorf("signin: partner: %w", err)
	}
	o := j.prepareSession(v, a)
	o.session.There = session.Abroad{Text: presence, Key: upstream.Key(provider, came.Presence.Index)}
	var opened bool
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		opened = false
		s, err := j.enter(tx, v, t.flow, a.service)
		if err != nil {
			return err
		}
		f := s.flow
		if !t.awaited(f) || !Allowed(s.due, StepSignIn) {
			return flow.OutOfTurn()
		}
		still, err := j.stillLinked(tx, link, found)
		if err != nil {
			return err
		}
		before := f.State.Progress
		// Who came through a door that the service does not take may link a new partner.
		if owner := before.Partner.For; owner != "" && (still && link.Account != owner || !still && s.why != ReasonDoor) {
			f.State.Progress.Partner.Mark, f.State.Progress.Partner.Failure = "", string(OtherAccount)
			e := f.Event(audit.UpstreamFailed, v, owner, "")
			e.Outcome, e.Reason, e.Data = audit.Failed, string(OtherAccount), map[string]string{"provider": string(provider)}
			if err := j.Audit.Record(tx, e); err != nil {
				return err
			}
			return j.save(tx, f, before)
		}
		p := flow.Partner{
			There: presence, Provider: string(provider), Issuer: came.Issuer, Subject: came.Subject, Level: came.Level, Untimed: came.AuthTime.IsZero(),
			At: db.Millis(signedInAt(came, tx.Now())), Came: db.Millis(tx.Now()), Until: db.Millis(tx.Now().Add(linkWithin)),
		}
		now, there, err := j.Accounts.ByID(tx, a.account.ID)
		if err != nil {
			return err
		}
		if found && (!there || !now.Held()) { // closed meanwhile: the link went with it
			f.State.Progress.Notice = flow.NoticeClosed
		}
		if !still || !there || !now.Held() {
			f.State.Progress.Partner = p
			return j.save(tx, f, before)
		}
		if err := j.Links.Used(tx, link.ID); err != nil {
			return err
		}
		facts := p.Facts(f)
		if link.ByMailbox {
			facts.Partner.ByMailbox = string(link.ID)
		}
		if o.given, err = j.openSession(tx, v, f, o, a, facts); err != nil {
			return err
		}
		opened = true
		f.State.Progress = before.Restart(flow.TaskSignIn, a.address.Written)
		f.State.Progress.Partner = flow.Partner{}
		f.State.Progress.Account, f.State.Progress.Session = a.account.ID, o.session.ID
		return j.save(tx, f, before)
	})
	if err != nil {
		return Result{}, fmt.Errorf("signin: partner: %w", err)
	}
	if !opened {
		return Result{}, nil
	}
	return Result{Outcome: SignedIn, Cookies: j.cookies(o, a, string(provider))}, nil
}

// stillLinked reports whether a link that was found before is still there: its owner may
// have removed it meanwhile.
func (j *Journey) stillLinked(tx *db.Tx, link upstream.Link, found bool) (bool, error) {
	if !found {
		return false, nil
	}
	now, there, err := j.Links.Find(tx, link.Issuer, link.Subject)
	return there && now.ID == link.ID && now.Account == link.Account, err
}

// signedInAt is when somebody signed in at the partner, as far as it tells.
func signedInAt(a upstream.Assertion, now time.Time) time.Time {
	if a.AuthTime.IsZero() || a.AuthTime.After(now) {
		return now
	}
	return a.AuthTime
}

// linked reads the account of somebody who signed in at a partner.
func (j *Journey) linked(ctx context.Context, v flow.Visitor, fid id.Flow, came upstream.Assertion) (attempt, upstream.Link, bool, error) {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return attempt{}, upstream.Link{}, false, err
	}
	a := attempt{service: service}
	var link upstream.Link
	var found bool
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		var err error
		if link, found, err = j.Links.Find(tx, came.Issuer, came.Subject); err != nil || !found {
			return err
		}
		if a.account, found, err = j.Accounts.ByID(tx, link.Account); err != nil || !found {
			return err
		}
		if !a.account.Held() { // its address is gone
			return nil
		}
		if a.address, err = j.Accounts.Mailbox(tx, a.account.ID); err != nil {
			return err
		}
		a.device, err = j.Sessions.Known(tx, v.Device, a.account.ID)
		return err
	})
	if err != nil {
		return attempt{}, upstream.Link{}, false, fmt.Errorf("signin: partner: %w", err)
	}
	return a, link, found, nil
}

// PartnerBack leaves a partner: the page of signing in is shown again. From the page
// that waits for the code of a new account, the sign-in begins anew (R47). Who was about
// to link it goes on without; who was about to create an account with it, with a password.
func (j *Journey) PartnerBack(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, []Step{StepHandOff, StepPartnerFailed, StepPartnerNew, StepPartnerCreate, StepConfirmEmail}, func(_ *db.Tx, s *scene) error {
		if s.due == StepConfirmEmail {
			s.flow.State.Progress = s.flow.State.Progress.Restart(flow.TaskSignIn, "")
		}
		s.flow.State.Progress.Partner = flow.Partner{}
		return nil
	})
}

// partnerName is what people call the partner of a flow.
func (j *Journey) partnerName(ctx context.Context, v flow.Visitor, fid id.Flow) (i18n.Text, error) {
	f, err := j.find(ctx, v, fid)
	if err != nil {
		return nil, fmt.Errorf("signin: partner: %w", err)
	}
	return j.Upstreams.NameOf(ctx, f.State.Progress.Partner.Issuer)
}

// Partners are the sign-in partners that can be chosen, in their order.
func (j *Journey) Partners(ctx context.Context) ([]*upstream.Provider, error) {
	open, err := j.Upstreams.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("signin: partners: %w", err)
	}
	return open, nil
}
