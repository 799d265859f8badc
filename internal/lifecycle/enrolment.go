package lifecycle

import (
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/relyingparty"
)

// Reset is the enrolment of one person that a service wants to begin anew (R52).
type Reset struct {
	Service *relyingparty.RelyingParty   // that asks for it
	Sharing []*relyingparty.RelyingParty // the other services of its sector, which know the person by the same subject
	Subject string                       // by which they know the person
}

// Enrolment is what a reset ended.
type Enrolment struct {
	Account id.Account
	Ended   []id.RelyingParty // services that the person was connected to
}

// ResetEnrolment cuts the link between an account and a service, in the caller's
// transaction: the subject is retired and given to nobody, the next visit makes a new
// one and asks for agreement again, what the service was given is revoked, and the
// person is told. Services of one sector share a subject, so that all of them begin
// anew. Fault NotFound when the sector knows nobody by the subject (any more): of
// racers one resets.
func (l *Lifecycle) ResetEnrolment(tx *db.Tx, r Reset) (Enrolment, error) {
	out, err := l.resetEnrolment(tx, r)
	if err != nil {
		return Enrolment{}, fmt.Errorf("lifecycle: reset enrolment: %w", err)
	}
	return out, nil
}

func (l *Lifecycle) resetEnrolment(tx *db.Tx, r Reset) (Enrolment, error) {
	a, found, err := l.Connections.BySubject(tx, r.Service.Sector, r.Subject)
	if err != nil {
		return Enrolment{}, err
	}
	if !found {
		return Enrolment{}, fault.New(fault.NotFound, "error.subject.none")
	}
	was, err := l.Connections.Retire(tx, r.Service.Sector, a, r.Subject, connection.CauseReset)
	if err != nil {
		return Enrolment{}, err
	}
	if !was {
		return Enrolment{}, fault.New(fault.NotFound, "error.subject.none")
	}
	out, told := Enrolment{Account: a}, notice.EnrolmentReset{Service: r.Service.InMail()}
	for _, p := range append([]*relyingparty.RelyingParty{r.Service}, r.Sharing...) {
		was, err := l.Connections.Withdraw(tx, a, p.ID)
		if err != nil {
			return Enrolment{}, err
		}
		if err := l.Grants.EndConnection(tx, a, p.ID); err != nil {
			return Enrolment{}, err
		}
		if err := l.Visits.Disconnect(tx, a, p.ID); err != nil {
			return Enrolment{}, err
		}
		if !was {
			continue
		}
		out.Ended = append(out.Ended, p.ID)
		if p != r.Service {
			told.Sharing = append(told.Sharing, p.InMail())
		}
	}
	err = l.Audit.Record(tx, audit.Event{Name: audit.EnrolmentReset, Account: a, RelyingParty: r.Service.ID, Outcome: audit.Success})
	if err != nil {
		return Enrolment{}, err
	}
	told.Asked = notice.Asked{At: tx.Now()}
	return out, l.tell(tx, a, told)
}

// tell mails the owner of an account; who has no address any more is not told.
func (l *Lifecycle) tell(tx *db.Tx, a id.Account, data notice.Data) error {
	owner, found, err := l.Accounts.ByID(tx, a)
	if err != nil || !found {
		return err
	}
	to, found, err := l.Accounts.Main(tx, a)
	if err != nil || !found {
		return err
	}
	return l.Outbox.Queue(tx, notify.Message{To: to.Address.Written, Locale: owner.Locale, Account: a, Data: data})
}
