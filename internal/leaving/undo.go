package leaving

import (
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
)

// open is what somebody can still undo of an account. The account is erased no sooner than
// the last of it: else whoever got in for a moment would shorten the owner's time.
type open struct {
	wait  time.Duration   // from now until the account is erased, if it is closed now
	merge account.Merge   // of another account into this one; zero for none
	kept  []account.Moved // addresses that the account has no longer, and that can take that back
}

// open reads what can still be undone of an account.
func (j *Journey) open(tx *db.Tx, a id.Account) (open, error) {
	out := open{wait: j.Settings.Wait}
	m, found, err := j.Merges.Pending(tx, a)
	if err != nil {
		return open{}, err
	}
	if found && m.Survivor == a {
		out.merge = m
		out.wait = max(out.wait, m.EndsAt.Sub(tx.Now()))
	}
	moved, err := j.Owners.Accounts.Moved(tx, a)
	if err != nil {
		return open{}, err
	}
	all, err := j.Owners.Accounts.Addresses(tx, a)
	if err != nil {
		return open{}, err
	}
	told := map[string]bool{}
	for _, e := range all {
		told[e.Address.Key] = true
	}
	for _, c := range moved {
		if !c.EndsAt.After(tx.Now()) {
			continue
		}
		out.wait = max(out.wait, c.EndsAt.Sub(tx.Now()))
		if !told[c.Address.Key] {
			told[c.Address.Key], out.kept = true, append(out.kept, c)
		}
	}
	return out, nil
}

// tellClosing tells whom it concerns that an account is to be deleted: every address of it,
// those that can still take back that they were removed from it, and every address of an
// account that was merged into it and that goes with it.
func (j *Journey) tellClosing(tx *db.Tx, who owner.Owner, o open, data notice.AccountClosing) error {
	if err := j.tell(tx, who.ID, who.Locale, data); err != nil {
		return err
	}
	for _, c := range o.kept {
		err := j.Owners.Outbox.Queue(tx, notify.Message{To: c.Address.Written, Locale: who.Locale, Account: who.ID, Data: data})
		if err != nil {
			return err
		}
	}
	if o.merge.ID == "" {
		return nil
	}
	second, _, err := j.Owners.Accounts.ByID(tx, o.merge.Second)
	if err != nil {
		return err
	}
	main, err := j.Owners.Accounts.Mailbox(tx, who.ID)
	if err != nil {
		return err
	}
	return j.tell(tx, second.ID, second.Locale, notice.SurvivorClosing{
		Other: main.Masked(), Valid: o.merge.EndsAt.Sub(tx.Now()), Asked: notice.Asked{At: tx.Now()},
	})
}
