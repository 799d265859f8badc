package flow

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// ErrUnbound is wrapped in the fault of Load for a live flow that no browser
// holds yet: call Bind.
var ErrUnbound = errors.New("flow: not bound to a browser yet")

// retryAfter is what someone beyond Settings.PerIP is told to wait.
const retryAfter = time.Minute

// Start stores a new flow. Run it in DB.WriteStatement: the cap per network
// address is the condition of its INSERT. Beyond the cap it is a fault of kind
// Throttled.
//
// On PostgreSQL statements that run at the same instant do not see each other's
// rows, so that racers can exceed the cap by as many as there are connections. It
// bounds what a stranger can store; how often one may begin is counted exactly, by
// ratelimit.FlowIP and ratelimit.AuthorizeIP.
func (f Flows) Start(tx *db.Tx, n New) (Flow, error) {
	n.State.Demand.Journey = n.ID
	sealed, err := f.encode(n.ID, n.State)
	if err != nil {
		return Flow{}, err
	}
	now := tx.Now()
	ends := now.Add(f.Settings.StartedFor)
	inserted, err := tx.Exec(`INSERT INTO flow (id, browser, relying_party, reference, state, ip_index, created_at, expires_at, row_version)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, 1
		WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM flow WHERE ip_index = $6 AND expires_at > $7 LIMIT $9) AS waiting) < $9`,
		n.ID, nullBytes(n.Browser), n.RelyingParty, n.Reference, sealed, f.ipIndex(n.IP), db.Millis(now), db.Millis(ends), f.Settings.PerIP)
	if err != nil {
		return Flow{}, fmt.Errorf("flow: start: %w", err)
	}
	if inserted == 0 {
		return Flow{}, tooMany()
	}
	n.State.Version = Version
	out := Flow{
		ID: n.ID, Browser: n.Browser, RelyingParty: n.RelyingParty, Reference: n.Reference, State: n.State,
		CreatedAt: now, ExpiresAt: ends, Row: 1,
	}
	if n.Browser == nil {
		return out, nil
	}
	return out, f.endSurplus(tx, n.ID, n.Browser)
}

// ipIndex is what stands for a network address; NULL without one.
func (f Flows) ipIndex(ip string) any {
	if ip == "" {
		return nil
	}
	return f.Keys.Index("flow-ip", ratelimit.IPKey(ip))
}

func nullBytes(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// Bind gives an unbound flow to the browser that asks first and loads it. Of
// racers one wins; for the others, as for every foreign flow, it is NotFound.
// For the browser that holds it already it is Load.
func (f Flows) Bind(tx *db.Tx, flow id.Flow, browser []byte) (Flow, error) {
	if len(browser) == 0 {
		return Flow{}, notFound()
	}
	n, err := tx.Exec(`UPDATE flow SET browser = $1
		WHERE id = $2 AND browser IS NULL AND ended_at IS NULL AND expires_at > $3`, browser, flow, db.Millis(tx.Now()))
	if err != nil {
		return Flow{}, fmt.Errorf("flow: bind: %w", err)
	}
	if n == 1 {
		if err := f.endSurplus(tx, flow, browser); err != nil {
			return Flow{}, err
		}
	}
	return f.Load(tx, flow, browser)
}

// endSurplus ends the flows of a browser beyond the cap: those that live
// shortest, which are the unposted and the longest unused ones. The one that
// was just begun stays.
func (f Flows) endSurplus(tx *db.Tx, keep id.Flow, browser []byte) error {
	const all = 1000
	_, err := tx.Exec(`UPDATE flow SET ended_at = $1, state = NULL, ip_index = NULL WHERE id IN (
		SELECT id FROM flow WHERE browser = $2 AND id <> $3 AND ended_at IS NULL AND expires_at > $1
		ORDER BY expires_at DESC, created_at DESC, id LIMIT $4 OFFSET $5)`,
		db.Millis(tx.Now()), browser, keep, all, f.Settings.PerBrowser-1)
	if err != nil {
		return fmt.Errorf("flow: end surplus: %w", err)
	}
	return nil
}

// Load reads a flow of a browser.
//
// A flow that is another browser's or that nobody made is a fault of kind
// NotFound; so is a live one that is not bound yet, with ErrUnbound inside. A
// flow that ended or expired is a fault of kind Expired, and the flow returned
// with it still has its ID, RelyingParty and Reference, so that the page can
// lead back to the service; Over tells whether Reopen is of no use.
func (f Flows) Load(tx *db.Tx, flow id.Flow, browser []byte) (Flow, error) {
	out := Flow{ID: flow}
	var sealed []byte
	var posted, ended time.Time
	err := tx.QueryRow(`SELECT browser, relying_party, reference, state, created_at, posted_at, expires_at, ended_at, row_version
		FROM flow WHERE id = $1`, flow).Scan(&out.Browser, &out.RelyingParty, &out.Reference, &sealed,
		db.ScanTime(&out.CreatedAt), db.NullTime(&posted), db.ScanTime(&out.ExpiresAt), db.NullTime(&ended), &out.Row)
	if errors.Is(err, db.ErrNoRows) {
		return Flow{}, notFound()
	}
	if err != nil {
		return Flow{}, fmt.Errorf("flow: load: %w", err)
	}
	bound := len(out.Browser) > 0
	if len(browser) == 0 || (bound && !secret.Equal(out.Browser, browser)) {
		return Flow{}, notFound()
	}
	if now := tx.Now(); !ended.IsZero() || !now.Before(out.ExpiresAt) {
		out.Over = !ended.IsZero() || sealed == nil || !f.resumable(out, now)
		return out, expired()
	}
	if !bound {
		return Flow{}, fault.Wrap(fault.NotFound, "error.flow.not-found", ErrUnbound)
	}
	out.Posted = !posted.IsZero()
	out.State, err = f.decode(flow, sealed)
	if errors.Is(err, errNewer) {
		return out, expired()
	}
	return out, err
}

// resumable reports whether a flow that has not ended lives or can be taken up again.
func (f Flows) resumable(flow Flow, now time.Time) bool {
	return now.Before(flow.ExpiresAt) ||
		now.Before(flow.ExpiresAt.Add(f.Settings.AgainFor)) && now.Before(flow.CreatedAt.Add(f.Settings.LongestFor))
}

func notFound() error { return fault.New(fault.NotFound, "error.flow.not-found") }
func expired() error  { return fault.New(fault.Expired, "error.flow.expired") }
func tooMany() error  { return fault.Retry(fault.Throttled, "error.flow.too-many", retryAfter) }

// Save stores the state of a flow if nobody else has saved it since it was
// loaded, and lets it live longer; it returns the flow as it is now. When
// somebody has, or the flow has ended, it is a fault of kind Conflict.
func (f Flows) Save(tx *db.Tx, flow Flow) (Flow, error) {
	flow.State.Demand.Journey = flow.ID
	sealed, err := f.encode(flow.ID, flow.State)
	if err != nil {
		return Flow{}, err
	}
	now := tx.Now()
	ends := now.Add(f.Settings.IdleFor)
	if last := flow.CreatedAt.Add(f.Settings.LongestFor); last.Before(ends) {
		ends = last
	}
	n, err := tx.Exec(`UPDATE flow SET state = $1, posted_at = COALESCE(posted_at, $2), ip_index = NULL,
			expires_at = $3, row_version = row_version + 1
		WHERE id = $4 AND row_version = $5 AND ended_at IS NULL AND expires_at > $2`,
		sealed, db.Millis(now), db.Millis(ends), flow.ID, flow.Row)
	if err != nil {
		return Flow{}, fmt.Errorf("flow: save: %w", err)
	}
	if n == 0 {
		return Flow{}, fault.New(fault.Conflict, "error.flow.conflict")
	}
	flow.State.Version = Version
	flow.ExpiresAt, flow.Posted, flow.Row = ends, true, flow.Row+1
	return flow, nil
}

// End ends a flow and wipes its state; false when it has ended already.
func (f Flows) End(tx *db.Tx, flow id.Flow) (bool, error) {
	n, err := tx.Exec(`UPDATE flow SET ended_at = $1, state = NULL, ip_index = NULL WHERE id = $2 AND ended_at IS NULL`,
		db.Millis(tx.Now()), flow)
	if err != nil {
		return false, fmt.Errorf("flow: end: %w", err)
	}
	return n == 1, nil
}

// Known is what may be told of a flow without its browser's cookie.
type Known struct {
	Flow         id.Flow
	RelyingParty id.RelyingParty
	Reference    string
	CreatedAt    time.Time
	Live         bool
}

// ByReference finds a flow by the code that a person quotes, for the support desk.
func (f Flows) ByReference(tx *db.Tx, reference string) (Known, bool, error) {
	return f.known(tx, `reference = $1`, reference)
}

// Peek tells the service of a flow, for a link that was opened in another browser.
func (f Flows) Peek(tx *db.Tx, flow id.Flow) (Known, bool, error) {
	return f.known(tx, `id = $1`, flow)
}

func (f Flows) known(tx *db.Tx, where string, arg any) (Known, bool, error) {
	var out Known
	var ends, ended time.Time
	err := tx.QueryRow(`SELECT id, relying_party, reference, created_at, expires_at, ended_at FROM flow
		WHERE `+where+` ORDER BY created_at DESC LIMIT 1`, arg).Scan(&out.Flow, &out.RelyingParty, &out.Reference,
		db.ScanTime(&out.CreatedAt), db.ScanTime(&ends), db.NullTime(&ended))
	if errors.Is(err, db.ErrNoRows) {
		return Known{}, false, nil
	}
	if err != nil {
		return Known{}, false, fmt.Errorf("flow: look up: %w", err)
	}
	out.Live = ended.IsZero() && tx.Now().Before(ends)
	return out, true, nil
}

// Open lists the live flows of a browser, the one used last first.
func (f Flows) Open(tx *db.Tx, browser []byte) ([]Known, error) {
	rows, err := tx.Query(`SELECT id, relying_party, reference, created_at FROM flow
		WHERE browser = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY expires_at DESC, created_at DESC, id`,
		nullBytes(browser), db.Millis(tx.Now()))
	out, err := db.Collect(rows, err, func(r *db.Rows) (Known, error) {
		k := Known{Live: true}
		return k, r.Scan(&k.Flow, &k.RelyingParty, &k.Reference, db.ScanTime(&k.CreatedAt))
	})
	if err != nil {
		return nil, fmt.Errorf("flow: list: %w", err)
	}
	return out, nil
}

// Purge wipes the network address of expired flows, their state when they cannot be taken
// up again (Reopen), and deletes them after Settings.KeptFor, at most limit of each.
func (f Flows) Purge(tx *db.Tx, limit int) (int64, error) {
	now := tx.Now()
	unlinked, err := tx.Exec(`UPDATE flow SET ip_index = NULL WHERE id IN (
		SELECT id FROM flow WHERE ip_index IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)`, db.Millis(now), limit)
	if err != nil {
		return 0, fmt.Errorf("flow: wipe: %w", err)
	}
	wiped, err := tx.Exec(`UPDATE flow SET state = NULL WHERE id IN (
		SELECT id FROM flow WHERE state IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		db.Millis(now.Add(-f.Settings.AgainFor)), limit)
	if err != nil {
		return 0, fmt.Errorf("flow: wipe: %w", err)
	}
	deleted, err := tx.Exec(`DELETE FROM flow WHERE id IN (
		SELECT id FROM flow WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		db.Millis(now.Add(-f.Settings.KeptFor)), limit)
	if err != nil {
		return 0, fmt.Errorf("flow: purge: %w", err)
	}
	return unlinked + wiped + deleted, nil
}
