package stepup

import (
	"cmp"
	"slices"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
)

// way is an option with what the journey needs to use it.
type way struct {
	Option
	authenticator authenticator.ID // "" for an e-mail address that was never used as a second step
	number        string           // of a telephone, E.164
	account       id.Account
	session       id.Session
	set           backupcode.Set // of backup codes
	preferred     bool           // the channel that the owner of a telephone prefers
}

// optionID names an option.
func optionID(m policy.Method, a authenticator.ID) string { return string(m) + "." + string(a) }

// ways are the options of an account among some methods, the one to suggest first.
func (j *Journey) ways(tx *db.Tx, s scene, methods []policy.Method) ([]way, error) {
	to, err := j.Accounts.Mailbox(tx, s.owner())
	if err != nil {
		return nil, err
	}
	var out []way
	for _, m := range methods {
		if m == policy.Email && len(authenticator.Of(s.list, authenticator.Email)) == 0 {
			out = append(out, way{
				account: s.owner(), session: s.live.ID,
				Option: Option{ID: optionID(m, ""), Method: m, Target: to.Masked(), Standing: fresh(j.Methods)},
			})
		}
		for _, a := range authenticator.Of(s.list, authenticator.TypeOf(m)) {
			w := way{authenticator: a.ID, account: s.owner(), session: s.live.ID, Option: Option{
				ID: optionID(m, a.ID), Method: m, Name: a.Name, UsedAt: a.UsedAt, Standing: j.Methods.StateOf(a, tx.Now()),
			}}
			if m == policy.Email {
				w.Target = to.Masked()
			}
			fits, err := j.complete(tx, s, &w)
			if err != nil {
				return nil, err
			}
			if fits {
				out = append(out, w)
			}
		}
	}
	slices.SortStableFunc(out, suggest)
	return out, nil
}

// fresh is the standing of a method that was never tried.
func fresh(m authenticator.Authenticators) authenticator.State {
	return authenticator.State{Standing: authenticator.Usable, Left: m.Settings.Tries}
}

// complete adds what the package of a type knows; false when the option cannot be
// used as it stands: a text to a number that takes none.
func (j *Journey) complete(tx *db.Tx, s scene, w *way) (bool, error) {
	switch w.Method {
	case policy.Text, policy.Voice:
		p, found, err := j.Phones.Find(tx, s.owner(), w.authenticator)
		if err != nil || !found {
			return false, err
		}
		w.number, w.Target = p.Number.E164(), p.Number.Masked()
		w.preferred = p.Sends() == channel(w.Method)
		return p.Can(channel(w.Method)), nil
	case policy.Backup:
		set, found, err := j.BackupCodes.Find(tx, s.owner())
		w.Left, w.set = set.Left, set
		return found && set.Left > 0, err
	default:
		return true, nil
	}
}

// suggest orders options: what can be used now, backup codes last because they are
// kept for need, then the one used last, then as policy recommends (R62).
func suggest(a, b way) int {
	return cmp.Or(
		last(a.Standing.Standing != authenticator.Usable, b.Standing.Standing != authenticator.Usable),
		last(a.Method == policy.Backup, b.Method == policy.Backup),
		b.UsedAt.Compare(a.UsedAt),
		last(!a.preferred && a.number != "" && a.authenticator == b.authenticator, !b.preferred && b.number != "" && a.authenticator == b.authenticator),
	)
}

func last(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// asked is the option that a flow asks for: the one that was chosen, else the
// suggested one. False when the account has none that fits: then nothing can be
// proven, and the page says what can be done.
func asked(list []way, p flow.Progress) (way, bool) {
	if len(list) == 0 {
		return way{}, false
	}
	for _, w := range list {
		if w.ID == p.Second.Way {
			return w, true
		}
	}
	return list[0], true
}
