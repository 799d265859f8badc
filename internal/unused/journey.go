package unused

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
)

// Journey warns the owners of unused accounts and removes these. All fields but Log are
// needed. Safe for concurrent use.
type Journey struct {
	DB       *db.DB
	Accounts account.Accounts
	Attempts account.Attempts
	Warnings account.Warnings
	Merges   account.Merges
	Lost     lost.Requests
	Requests assist.Requests
	Outbox   *notify.Outbox
	Audit    *audit.Log
	Limiter  *ratelimit.Limiter
	Settings Settings
	Log      *slog.Logger // told what a run of the job did; may be nil

	// Verified tells which of some accounts hold a verified identity. They are never removed
	// for not being used.
	Verified func(tx *db.Tx, of []id.Account) (map[id.Account]bool, error)

	// Close ends an account and erases it everywhere, in the caller's transaction
	// (lifecycle.Lifecycle.Close).
	Close func(tx *db.Tx, a id.Account, by notice.RemovedBy) error
}

// held reports whether something of an account's owner is open, so that it is not removed
// now: a recovery or what can still bring lost methods back, a merging or a change of
// addresses that can be undone, a request that waits for the staff, or a password that is
// locked because somebody, perhaps the owner, tries to sign in.
func (j *Journey) held(tx *db.Tx, a id.Account) (bool, error) {
	if _, open, err := j.Lost.Open(tx, a); err != nil || open {
		return open, err
	}
	if _, open, err := j.Merges.Pending(tx, a); err != nil || open {
		return open, err
	}
	if open, err := j.Accounts.Changing(tx, a); err != nil || open {
		return open, err
	}
	requests, err := j.Requests.Of(tx, a)
	if err != nil {
		return false, err
	}
	for _, r := range requests {
		if r.EndedAt.IsZero() && tx.Now().Before(r.ExpiresAt) {
			return true, nil
		}
	}
	all, err := j.Accounts.Addresses(tx, a)
	if err != nil {
		return false, err
	}
	for _, one := range all {
		if locked, err := j.Attempts.AnyLocked(tx, one.Address); err != nil || locked {
			return locked, err
		}
	}
	return false, nil
}

// Link is what a link of a warning is about.
type Link struct {
	Status Status
	Until  time.Time // when the account is removed, or was
}

// Status says what became of the account of a link.
type Status string

// The statuses.
const (
	None    Status = ""        // there is no such link, or it ended long ago
	Open    Status = "open"    // the account can be kept
	Kept    Status = "kept"    // it is kept
	Removed Status = "removed" // it was removed
)

func linkOf(w account.Warning) Link {
	switch w.Outcome {
	case "":
		return Link{Status: Open, Until: w.RemovesAt}
	case account.WarningRemoved:
		return Link{Status: Removed, Until: w.EndedAt}
	case account.WarningUsed, account.WarningKept, account.WarningVoid, account.WarningUndelivered, account.WarningExempt:
	}
	return Link{Status: Kept}
}

// Open is what a mailed link says. It changes nothing.
func (j *Journey) Open(ctx context.Context, v flow.Visitor, token string) (Link, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Link{}, err
	}
	var out Link
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Link{}
		w, found, err := j.Warnings.ByToken(tx, token)
		if err == nil && found {
			out = linkOf(w)
		}
		return err
	})
	if err != nil {
		return Link{}, fmt.Errorf("unused: link: %w", err)
	}
	return out, nil
}

// Keep keeps an account by the link of a mail, without a sign-in; it gives no session. False
// when the link was used, or the account is gone or kept already. Of racers one keeps.
func (j *Journey) Keep(ctx context.Context, v flow.Visitor, token string) (bool, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return false, err
	}
	kept := false
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		kept = false
		w, found, err := j.Warnings.ByToken(tx, token)
		if err != nil || !found {
			return err
		}
		if kept, err = j.Warnings.End(tx, w.ID, account.WarningKept, time.Time{}); err != nil || !kept {
			return err
		}
		return j.kept(tx, v, w.Account)
	})
	if err != nil {
		return false, fmt.Errorf("unused: keep: %w", err)
	}
	return kept, nil
}

// kept notes that an account is used, records it and tells every address.
func (j *Journey) kept(tx *db.Tx, v flow.Visitor, of id.Account) error {
	a, found, err := j.Accounts.ByID(tx, of)
	if err != nil || !found {
		return err
	}
	if err := j.Accounts.Used(tx, a.ID); err != nil {
		return err
	}
	e := audit.Event{Name: audit.AccountUnusedKept, Account: a.ID, Outcome: audit.Success, Reason: "link", Personal: v.Personal("")}
	if err := j.Audit.Record(tx, e); err != nil {
		return err
	}
	to, err := j.Accounts.Mailboxes(tx, []id.Account{a.ID})
	if err != nil {
		return err
	}
	for _, one := range to[a.ID] {
		data := notice.UnusedKept{After: j.Settings.After, Asked: notice.AskedBy(v.UserAgent, tx.Now())}
		if err := j.Outbox.Queue(tx, notify.Message{To: one.Written, Locale: a.Locale, Account: a.ID, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is the mail of a warning.
func kindOf(second bool) notice.Kind {
	return notice.UnusedWarning{Second: second}.Kind()
}

// names are how the mails of a warning are found again (notify.Message.Once).
func names(w id.Warning, mails int) []string {
	out := make([]string, mails)
	for i := range out {
		out[i] = string(w) + "|" + strconv.Itoa(i)
	}
	return out
}

// tell mails one warning to every confirmed address of an account.
func (j *Journey) tell(tx *db.Tx, w account.Warning, to []account.Addr, m account.Mailing, second bool) error {
	data := notice.UnusedWarning{Second: second, Token: m.Token, After: j.Settings.After, At: tx.Now(), Until: m.RemovesAt}
	for i, name := range names(w.ID, len(to)) {
		msg := notify.Message{To: to[i].Written, Locale: w.Locale, Account: w.Account, Data: data, Once: name}
		if err := j.Outbox.Queue(tx, msg); err != nil {
			return err
		}
	}
	e := audit.Event{Name: audit.AccountUnusedWarned, Account: w.Account, Outcome: audit.Success, Reason: "first", Data: map[string]string{"mails": strconv.Itoa(len(to))}}
	if second {
		e.Reason = "second"
	}
	return j.Audit.Record(tx, e)
}
