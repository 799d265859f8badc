package flow

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Reopen takes up a sign-in of a browser again that ran out of time, under its own name:
// it still asks what the service asked, and nothing that was proven, typed or agreed to on
// it counts any more. A page that was left open works when it is loaded again.
//
// It goes for Settings.AgainFor after the journey ran out, and never beyond its
// Settings.LongestFor. One that nobody held yet is the browser's that comes first. For a
// live flow, and for who was overtaken by another tab, it is Load; it has the faults of
// Load: what is done, was given up, or ran out too long ago stays Expired. Its first step is
// to be sent again, and until then it counts among those of ip that Start bounds: beyond the
// cap it is a fault of kind Throttled, as there.
func (f Flows) Reopen(tx *db.Tx, flow id.Flow, browser []byte, ip string) (Flow, error) {
	old := Flow{ID: flow}
	var sealed []byte
	var posted, ended time.Time
	err := tx.QueryRow(`SELECT browser, relying_party, reference, state, created_at, posted_at, expires_at, ended_at FROM flow WHERE id = $1`,
		flow).Scan(&old.Browser, &old.RelyingParty, &old.Reference, &sealed,
		db.ScanTime(&old.CreatedAt), db.NullTime(&posted), db.ScanTime(&old.ExpiresAt), db.NullTime(&ended))
	if errors.Is(err, db.ErrNoRows) {
		return Flow{}, notFound()
	}
	if err != nil {
		return Flow{}, fmt.Errorf("flow: reopen: %w", err)
	}
	now, bound := tx.Now(), len(old.Browser) > 0
	last := old.CreatedAt.Add(f.Settings.LongestFor)
	switch {
	case len(browser) == 0 || bound && !secret.Equal(old.Browser, browser):
		return Flow{}, notFound()
	case !ended.IsZero() || sealed == nil || !f.resumable(old, now):
		return old, expired()
	case now.Before(old.ExpiresAt):
		return f.Load(tx, flow, browser)
	}
	state, err := f.decode(flow, sealed)
	switch {
	case errors.Is(err, errNewer) || err == nil && state.Kind != SignIn:
		return old, expired()
	case err != nil:
		return Flow{}, err
	}
	if state.Progress.Account != "" { // they may have signed out: at a shared computer it would tell the next person who it was
		state.LoginHint = ""
	}
	state.Progress = state.Progress.again(!posted.IsZero())
	if sealed, err = f.encode(flow, state); err != nil {
		return Flow{}, err
	}
	ends := now.Add(f.Settings.StartedFor)
	if last.Before(ends) {
		ends = last
	}
	index := f.ipIndex(ip)
	var waiting int
	err = tx.QueryRow(`SELECT COUNT(*) FROM (SELECT 1 FROM flow WHERE ip_index = $1 AND expires_at > $2 LIMIT $3) AS waiting`,
		index, db.Millis(now), f.Settings.PerIP).Scan(&waiting)
	if err != nil {
		return Flow{}, fmt.Errorf("flow: reopen: %w", err)
	}
	if waiting >= f.Settings.PerIP {
		return old, tooMany()
	}
	n, err := tx.Exec(`UPDATE flow SET browser = $1, state = $2, posted_at = NULL, ip_index = $3, expires_at = $4, row_version = row_version + 1
		WHERE id = $5 AND (browser IS NULL OR browser = $1) AND ended_at IS NULL AND expires_at = $6`,
		browser, sealed, index, db.Millis(ends), flow, db.Millis(old.ExpiresAt))
	if err != nil {
		return Flow{}, fmt.Errorf("flow: reopen: %w", err)
	}
	if n == 1 {
		if err := f.endSurplus(tx, flow, browser); err != nil {
			return Flow{}, err
		}
	}
	return f.Load(tx, flow, browser)
}

// Resumable lists the flows of a browser that live or can be taken up again, the one used
// last first, with their state, at most as many as one browser can have under way.
func (f Flows) Resumable(tx *db.Tx, browser []byte) ([]Flow, error) {
	now := tx.Now()
	rows, err := tx.Query(`SELECT id, relying_party, reference, state, created_at, expires_at FROM flow
		WHERE browser = $1 AND ended_at IS NULL AND state IS NOT NULL AND (expires_at > $2 OR expires_at > $3 AND created_at > $4)
		ORDER BY expires_at DESC, created_at DESC, id LIMIT $5`, nullBytes(browser), db.Millis(now),
		db.Millis(now.Add(-f.Settings.AgainFor)), db.Millis(now.Add(-f.Settings.LongestFor)), f.Settings.PerBrowser)
	var states [][]byte
	all, err := db.Collect(rows, err, func(r *db.Rows) (Flow, error) {
		out := Flow{Browser: browser}
		var sealed []byte
		err := r.Scan(&out.ID, &out.RelyingParty, &out.Reference, &sealed, db.ScanTime(&out.CreatedAt), db.ScanTime(&out.ExpiresAt))
		states = append(states, sealed)
		return out, err
	})
	if err != nil {
		return nil, fmt.Errorf("flow: list: %w", err)
	}
	out := all[:0]
	for i, one := range all {
		one.State, err = f.decode(one.ID, states[i])
		if errors.Is(err, errNewer) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// again is what is left of a progress when its journey is taken up again: what the person
// had come to do, as long as nobody signed in on it, and where it may end. told says that
// something was begun, so that the page says why it starts afresh.
func (p Progress) again(told bool) Progress {
	out := Progress{Task: p.Task, Detached: p.Detached}
	if p.Account != "" {
		out.Task = TaskSignIn
	}
	if told {
		out.Notice = NoticeAgain
	}
	return out
}
