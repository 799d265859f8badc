package app

import (
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

// numberStopped notes what a provider says of a number for good: that its owner wants no
// more texts. A number that nobody has, or that takes no texts, is in the audit trail only:
// its owner finds out at the next code, and may have mistyped it.
func (h *House) numberStopped(tx *db.Tx, n notify.StoppedNumber) error {
	if n.State != notify.NumberStopped || n.Channel != notice.Text {
		return nil
	}
	number, err := h.Phones.Settings.Parse(n.Number, "")
	if err != nil {
		return nil //nolint:nilerr // a number that is not accepted any more is sent nothing anyway
	}
	news, err := h.Phones.Stop(tx, number)
	if err != nil || !news {
		return err
	}
	return h.Audit.Record(tx, audit.Event{Name: audit.PhoneStopped, Outcome: audit.Success, Account: n.Account})
}
