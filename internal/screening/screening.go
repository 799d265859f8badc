// Package screening decides when a form asks for a check that a person's browser sends
// it and not a program, and judges the answer.
//
// Forms are sent without a check until there is suspicion: one of the limits suspect_… was
// reached, by wrong passwords or by how often a form was sent from one network. Then the
// browser proves some work (package challenge), which nobody sees or solves. Who cannot do
// that, without JavaScript or with an old browser, goes on by e-mail. Where the form itself
// brings a mail, as a new account and a forgotten password do, that mail is the proof and
// the form goes on, though only so often from one network. Elsewhere a code is mailed to
// the typed address, if it has an account or is who writes to us, and typed into the form.
//
// The check tells nothing of an address: it is asked for by counts of what was tried, and
// a browser that signed in before is not asked because of what strangers tried with its
// owner's address. The pages call it before the journey that the form is for.
package screening

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/challenge"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
)

// Form names a form that can ask for the check.
type Form string

// The forms that can ask for the check.
const (
	SignIn  Form = "sign-in"
	Create  Form = "create-account"
	Recover Form = "recover" // a new password, unlocking, the ways in
	Contact Form = "contact"
)

// Journey screens forms. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB         *db.DB
	Challenges *challenge.Challenges
	Accounts   account.Accounts
	Sessions   session.Sessions
	Outbox     *notify.Outbox
	Audit      *audit.Log
	Limiter    *ratelimit.Limiter
}

// The fields of a form that answer the check.
const (
	FieldSolution = "altcha"         // what the browser found
	FieldCode     = "challenge_code" // typed from the mail
	FieldMailed   = "challenge_mail" // which code was mailed
	FieldWay      = "challenge_way"  // "mail": go on by e-mail
	FieldCheck    = "challenge"      // what errors of the check are about
)

// Answer is what a form says to the check.
type Answer struct {
	Solution string
	Mailed   string
	Code     string
	ByMail   bool
}

// ReadAnswer reads it from a form.
func ReadAnswer(get func(name string) string) Answer {
	return Answer{Solution: get(FieldSolution), Mailed: get(FieldMailed), Code: get(FieldCode), ByMail: get(FieldWay) == "mail"}
}

// Visit is one sending of a form.
type Visit struct {
	Visitor flow.Visitor
	Form    Form
	Address string // as typed, "" when not known
	Answer  Answer
}

// Result is what came of the check.
type Result struct {
	Admitted bool
	Mailed   string // the code that was mailed and is now to be typed
}

// rules are the limits that make a form suspect.
func (f Form) rules() (network, address ratelimit.Rule) {
	switch f {
	case SignIn:
		return ratelimit.SuspectSigninIP, ratelimit.SuspectSigninAddress
	case Create:
		return ratelimit.SuspectEnrollmentIP, ""
	case Recover:
		return ratelimit.SuspectResetIP, ""
	case Contact:
		return ratelimit.SuspectContactIP, ""
	}
	return "", ""
}

// mails reports whether a form brings a mail to the typed address by itself.
func (f Form) mails() bool { return f == Create || f == Recover }

// Asks tells whether a page shows the check with its form, before anything was typed,
// and makes the challenge for it: "" when it does not.
func (j *Journey) Asks(ctx context.Context, v Visit) (string, error) {
	asks, err := j.suspect(ctx, v)
	if err != nil || !asks {
		return "", err
	}
	text, err := j.Challenges.Make(j.bound(v))
	if err != nil {
		return "", fmt.Errorf("screening: %w", err)
	}
	return text, nil
}

func (j *Journey) bound(v Visit) challenge.For {
	return challenge.For{Form: string(v.Form), Browser: v.Visitor.Browser}
}

// suspect reports whether a form asks for the check. It counts nothing.
func (j *Journey) suspect(ctx context.Context, v Visit) (bool, error) {
	switch j.Challenges.Settings.When {
	case challenge.Off:
		return false, nil
	case challenge.Always:
		return true, nil
	case challenge.Suspicion:
	}
	network, byAddress := v.Form.rules()
	full, err := j.Limiter.Full(ctx, network, v.Visitor.IP)
	if err != nil || full {
		return full, err
	}
	addr, ok := typedAddress(v)
	if byAddress == "" || !ok {
		return false, nil
	}
	full, err = j.Limiter.Full(ctx, byAddress, addr.Key)
	if err != nil || !full {
		return false, err
	}
	known, err := j.known(ctx, v.Visitor, addr)
	return !known, err
}

// typedAddress is the address of a form, when one was typed: the journey says what is wrong with it.
func typedAddress(v Visit) (account.Addr, bool) {
	addr, err := account.ParseAddress(v.Address)
	return addr, err == nil
}

// known reports whether the account of an address signed in with this browser.
func (j *Journey) known(ctx context.Context, v flow.Visitor, addr account.Addr) (bool, error) {
	var known bool
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		a, _, err := j.Accounts.ByAddress(tx, addr)
		if err != nil {
			return err
		}
		device, err := j.Sessions.Known(tx, v.Device, a.ID)
		known = device != nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("screening: %w", err)
	}
	return known, nil
}

// Admit judges one sending of a form, and counts it. Not admitted without an error: a
// code was mailed, show the form again with its field. Faults: Invalid on a field of the
// check when it is missing, wrong or used, Throttled.
func (j *Journey) Admit(ctx context.Context, v Visit) (Result, error) {
	asks, err := j.suspect(ctx, v)
	if err != nil {
		return Result{}, err
	}
	if v.Form != SignIn && j.Challenges.Settings.When != challenge.Off {
		network, _ := v.Form.rules()
		d, err := j.Limiter.Take(ctx, network, v.Visitor.IP) // of many at once, only as many as the limit says are not asked
		if err != nil {
			return Result{}, err
		}
		asks = asks || !d.Allowed
	}
	if !asks {
		return Result{Admitted: true}, nil
	}
	switch {
	case v.Answer.ByMail:
		return j.byMail(ctx, v)
	case v.Answer.Mailed != "":
		return j.typed(ctx, v)
	}
	ok, err := j.Challenges.Spend(ctx, j.bound(v), v.Answer.Solution)
	switch {
	case err != nil:
		return Result{}, fmt.Errorf("screening: %w", err)
	case ok:
		return Result{Admitted: true}, nil
	case v.Answer.Solution != "":
		return Result{}, fault.On(FieldCheck, fault.Invalid, "challenge.error.again")
	}
	return Result{}, fault.On(FieldCheck, fault.Invalid, "challenge.error.asked")
}

// typed judges the code that was mailed.
func (j *Journey) typed(ctx context.Context, v Visit) (Result, error) {
	addr, err := account.ParseAddress(v.Address)
	if err != nil {
		return Result{}, err
	}
	given, err := j.Challenges.Give(ctx, v.Answer.Mailed, v.Visitor.Browser, addr.Key, v.Answer.Code)
	if err != nil {
		return Result{}, fmt.Errorf("screening: %w", err)
	}
	switch given {
	case challenge.Right:
		return Result{Admitted: true}, nil
	case challenge.Wrong:
		return Result{Mailed: v.Answer.Mailed}, fault.On(FieldCode, fault.Invalid, "challenge.error.code")
	default:
		return Result{}, fault.On(FieldCheck, fault.Invalid, "challenge.error.code-ended")
	}
}

// byMail lets somebody go on without the check. Fault Throttled when that was done too
// often from the network, or the address had too many mails.
func (j *Journey) byMail(ctx context.Context, v Visit) (Result, error) {
	addr, err := account.ParseAddress(v.Address)
	if err != nil {
		return Result{}, err
	}
	if v.Form.mails() { // its own mail proves the mailbox; the form's limits act next
		return Result{Admitted: true}, j.Limiter.Allow(ctx, ratelimit.ChallengeMailIP, v.Visitor.IP)
	}
	post := proving.Proving{DB: j.DB, Accounts: j.Accounts, Limiter: j.Limiter, Known: j.Sessions.Known}
	admitted, err := post.Admit(ctx, v.Visitor, addr, proving.Limits{IP: ratelimit.ChallengeMailIP})
	if err != nil {
		return Result{}, err
	}
	code := j.Challenges.NewCode()
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		a, _, err := j.Accounts.ByAddress(tx, addr)
		if err != nil {
			return err
		}
		if err := j.Challenges.Mail(tx, code, v.Visitor.Browser, addr.Key); err != nil {
			return err
		}
		m := notify.Message{To: addr.Written, Locale: v.Visitor.Locale, Data: notice.OneTimeCode{
			Purpose: notice.PurposeCheck, Code: code.Code, Valid: code.Lasts, Asked: notice.AskedBy(v.Visitor.UserAgent, tx.Now()),
		}}
		if v.Form == SignIn {
			if err := j.owned(tx, a, addr, &m); err != nil {
				return err
			}
		}
		admitted.Hold(tx, &m)
		if err := j.Outbox.Queue(tx, m); err != nil {
			return err
		}
		return j.Audit.Record(tx, audit.Event{
			Name: audit.ChallengeMailed, Account: owner(a), Outcome: audit.Success, Personal: v.Visitor.Personal(""),
			Data: map[string]string{"form": string(v.Form)},
		})
	})
	if err != nil {
		return Result{}, fmt.Errorf("screening: mail: %w", err)
	}
	return Result{Mailed: code.ID}, nil
}

// owned addresses the mail to the owner of an address, as it was first written; for an
// address that nobody has it is made and never sent.
func (j *Journey) owned(tx *db.Tx, a account.Account, typed account.Addr, m *notify.Message) error {
	own, found, err := j.Accounts.Typed(tx, a.ID, typed)
	if err != nil {
		return err
	}
	if !a.Held() || !found {
		m.Expires = tx.Now()
		return nil
	}
	m.To, m.Account, m.Locale = own.Address.Written, a.ID, a.Locale
	return nil
}

// owner is the account for the audit, when somebody holds it.
func owner(a account.Account) id.Account {
	if !a.Held() {
		return ""
	}
	return a.ID
}

// Failed counts a sending of a form that led nowhere: a wrong password.
func (j *Journey) Failed(ctx context.Context, v Visit) error {
	if j.Challenges.Settings.When != challenge.Suspicion {
		return nil
	}
	network, byAddress := v.Form.rules()
	if _, err := j.Limiter.Take(ctx, network, v.Visitor.IP); err != nil {
		return err
	}
	addr, ok := typedAddress(v)
	if byAddress == "" || !ok {
		return nil
	}
	_, err := j.Limiter.Take(ctx, byAddress, addr.Key)
	return err
}
