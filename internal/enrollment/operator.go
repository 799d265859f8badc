package enrollment

import (
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
)

// SendAgain sends another activation mail for an operator, in the caller's
// transaction. secrets is Proofs.Draft(account.ProveActivate, account.Addr{}),
// made before it. Fault NotFound when the account does not wait for activation.
func (j *Journey) SendAgain(tx *db.Tx, a id.Account, secrets account.ProofDraft) error {
	owner, found, err := j.Accounts.ByID(tx, a)
	if err != nil {
		return fmt.Errorf("enrollment: send again: %w", err)
	}
	if !found || owner.Status != account.Pending {
		return fault.New(fault.NotFound, "error.account.none")
	}
	to, err := j.Accounts.Mailbox(tx, a)
	if err != nil {
		return fmt.Errorf("enrollment: send again: %w", err)
	}
	d := secrets
	d.Purpose, d.Address, d.Account = account.ProveActivate, to, a
	r := request{visitor: flow.Visitor{}, address: to, locale: owner.Locale, why: notify.WhyResend}
	if err := j.mail(tx, r, d, owner, false); err != nil {
		return fmt.Errorf("enrollment: send again: %w", err)
	}
	return j.Audit.Record(tx, audit.Event{Name: audit.AccountActivationResent, Account: a, Outcome: audit.Success, Reason: "operator"})
}
