package lifecycle

import (
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

// ResendActivation sends a pending account another activation mail for an
// operator, in the caller's transaction; older links end. Make the draft with
// Proofs.Draft, before the transaction. Fault NotFound when the account is not
// pending (any more).
func (l *Lifecycle) ResendActivation(tx *db.Tx, a id.Account, draft account.ProofDraft) error {
	owner, found, err := l.Accounts.ByID(tx, a)
	if err != nil {
		return fmt.Errorf("lifecycle: resend: %w", err)
	}
	if !found || owner.Status != account.Pending {
		return fault.New(fault.NotFound, "error.account.none")
	}
	to, err := l.Accounts.Mailbox(tx, a)
	if err != nil {
		return fmt.Errorf("lifecycle: resend: %w", err)
	}
	draft.Address, draft.Account = to, a
	proof, err := l.Proofs.Issue(tx, draft)
	if err != nil {
		return fmt.Errorf("lifecycle: resend: %w", err)
	}
	err = l.Audit.Record(tx, audit.Event{Name: audit.AccountActivationResent, Account: a, Outcome: audit.Success, Reason: "operator"})
	if err != nil {
		return fmt.Errorf("lifecycle: resend: %w", err)
	}
	err = l.Outbox.Queue(tx, notify.Message{
		To: to.Written, Locale: owner.Locale, Account: a,
		Data: notice.ActivateAgain{
			Proof: notice.Proof{Token: draft.Token, Code: draft.Code, Valid: proof.ExpiresAt.Sub(proof.CreatedAt)},
			Asked: notice.Asked{At: tx.Now()}, Why: notice.WhyResend, Removal: l.Accounts.Settings.UnactivatedAfter,
		},
	})
	if err != nil {
		return fmt.Errorf("lifecycle: resend: %w", err)
	}
	return nil
}
