package backchannel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/protocol"
	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
)

// How the worker waits.
const (
	pollEvery = time.Second      // between looks at the outbox when nothing rings
	lease     = time.Minute      // after which a notice that was taken is due again
	hostRest  = 30 * time.Second // the longest that a host which does not answer is left alone by this node
	awaitStep = 25 * time.Millisecond
	awaited   = 100 // visits that Await asks about at most; each is found by the table's key
)

// Worker tells services. Every node runs one. All fields are needed.
type Worker struct {
	Issuer   string
	DB       *db.DB
	Registry *relyingparty.Registry
	Keyring  *keyring.Keyring
	Keys     *relyingparty.Keys
	Outbound *outbound.Client
	Audit    *audit.Log
	Log      *slog.Logger
	Now      func() time.Time
	Settings Settings
	Bell     chan struct{} // that of Visits

	mu    sync.Mutex
	lanes map[string]*lane // by host
}

// lane is what this node does at one host.
type lane struct {
	busy     bool
	failures int
	rests    time.Time // until when the host is left alone
}

// note is one that is to be told.
type note struct {
	party   id.RelyingParty
	origin  id.Session
	subject string
	attempt int64
	since   time.Time
}

// Run tells services until ctx ends, then waits for the calls under way.
func (w *Worker) Run(ctx context.Context) {
	var running sync.WaitGroup
	slots := make(chan struct{}, w.Settings.Hosts)
	for ctx.Err() == nil {
		hosts, err := w.hosts(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.ErrorContext(ctx, "services cannot be told of ended sessions", "error", err.Error())
		}
		for host, parties := range hosts {
			if !w.begin(host) {
				continue
			}
			select {
			case slots <- struct{}{}:
			default: // as many as may be called are
				w.finish(host, false, true)
				continue
			}
			running.Go(func() {
				unreachable := w.serve(ctx, parties)
				<-slots
				w.finish(host, unreachable, false)
				Visits{Bell: w.Bell}.ring()
			})
		}
		w.rest(ctx)
	}
	running.Wait()
}

// rest sleeps until the bell rings or the next look is due.
func (w *Worker) rest(ctx context.Context) {
	timer := time.NewTimer(jitter(pollEvery))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.Bell:
	case <-timer.C:
	}
}

// begin takes the lane of a host; false when it is taken, or the host rests.
func (w *Worker) begin(host string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lanes == nil {
		w.lanes = map[string]*lane{}
	}
	l := w.lanes[host]
	if l == nil {
		l = &lane{}
		w.lanes[host] = l
	}
	if l.busy || w.Now().Before(l.rests) {
		return false
	}
	l.busy = true
	return true
}

// finish gives the lane back.
func (w *Worker) finish(host string, unreachable, untried bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lanes[host]
	l.busy = false
	switch {
	case untried:
	case unreachable:
		l.failures++
		l.rests = w.Now().Add(backoff(pollEvery, hostRest, int64(l.failures)))
	default:
		delete(w.lanes, host)
	}
}

// hosts are the services with due notices by the host they are told at. Those that have no
// address any more, are gone or disabled, stand under "": serve drops what they were to be told.
func (w *Worker) hosts(ctx context.Context) (map[string][]id.RelyingParty, error) {
	var due []id.RelyingParty
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT DISTINCT relying_party FROM logout_notice WHERE due_at <= $1`, db.Millis(tx.Now()))
		due, err = db.Collect(rows, err, func(r *db.Rows) (p id.RelyingParty, err error) { return p, r.Scan(&p) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backchannel: due: %w", err)
	}
	out := map[string][]id.RelyingParty{}
	for _, p := range due {
		party, err := w.party(ctx, p)
		if err != nil {
			return nil, err
		}
		host := ""
		if party != nil {
			host = relyingparty.Origin(party.BackchannelLogoutURI)
		}
		out[host] = append(out[host], p)
	}
	return out, nil
}

// party is a service that can be told; nil for one that cannot.
func (w *Worker) party(ctx context.Context, p id.RelyingParty) (*relyingparty.RelyingParty, error) {
	party, err := w.Registry.Find(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("backchannel: %w", err)
	}
	if party == nil || party.Disabled || party.BackchannelLogoutURI == "" {
		return nil, nil //nolint:nilnil // an ordinary answer
	}
	return party, nil
}

// RunDue tells everything that is due now, whether hosts rest or not, and returns when that
// is done; for a clock that was moved, and for tests.
func (w *Worker) RunDue(ctx context.Context) error {
	hosts, err := w.hosts(ctx)
	if err != nil {
		return err
	}
	for _, parties := range hosts {
		w.serve(ctx, parties)
	}
	return nil
}

// serve tells the services of one host what is due, and reports whether the host could not
// be reached, after which it is not tried further.
func (w *Worker) serve(ctx context.Context, parties []id.RelyingParty) (unreachable bool) {
	for _, p := range parties {
		for ctx.Err() == nil && !unreachable {
			party, err := w.party(ctx, p)
			var notes []note
			if err == nil {
				notes, err = w.claim(ctx, p)
			}
			if err != nil {
				w.Log.ErrorContext(ctx, "services cannot be told of ended sessions", "relying_party", string(p), "error", err.Error())
				return false
			}
			if len(notes) == 0 {
				break
			}
			unreachable = w.tellAll(ctx, party, notes)
		}
	}
	return unreachable
}

// tellAll tells one service some notices at once.
func (w *Worker) tellAll(ctx context.Context, party *relyingparty.RelyingParty, notes []note) (unreachable bool) {
	var running sync.WaitGroup
	failed := make([]bool, len(notes))
	for i, n := range notes {
		running.Go(func() { failed[i] = w.handle(ctx, party, n) })
	}
	running.Wait()
	for _, f := range failed {
		unreachable = unreachable || f
	}
	return unreachable
}

// claim takes some due notices of a service; they are due again when the lease ends.
func (w *Worker) claim(ctx context.Context, p id.RelyingParty) ([]note, error) {
	var out []note
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`UPDATE logout_notice SET due_at = $1, attempts = attempts + 1
			WHERE relying_party = $2 AND due_at <= $3 AND origin IN (
				SELECT origin FROM logout_notice WHERE relying_party = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4)
			RETURNING origin, subject, attempts, created_at`,
			db.Millis(tx.Now().Add(lease)), string(p), db.Millis(tx.Now()), w.Settings.PerHost)
		out, err = db.Collect(rows, err, func(r *db.Rows) (note, error) {
			n := note{party: p}
			err := r.Scan(&n.origin, &n.subject, &n.attempt, db.ScanTime(&n.since))
			return n, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backchannel: claim: %w", err)
	}
	return out, nil
}

// handle tells one notice and records what became of it.
func (w *Worker) handle(ctx context.Context, party *relyingparty.RelyingParty, n note) (unreachable bool) {
	if party == nil { // nobody to tell any more
		w.record(ctx, n, w.drop(ctx, n, ""))
		return false
	}
	err := w.call(ctx, party, n)
	if err != nil && ctx.Err() != nil {
		return false // the node stops: it is due again when its lease ends
	}
	if err == nil {
		w.record(ctx, n, w.drop(ctx, n, ""))
		return false
	}
	reason, final := "failed", false
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		reason, unreachable = string(e.Kind), e.Kind == outbound.Timeout || e.Kind == outbound.Unreachable
		if e.Kind == outbound.Status {
			// 400 says that the service cannot sign this person out (2.8).
			reason, final = strconv.Itoa(e.Status), e.Status == 400
		}
	}
	w.Log.WarnContext(ctx, "a service could not be told that a session ended", "relying_party", string(n.party), "attempt", n.attempt, "error", err.Error())
	pause := jitter(backoff(w.Settings.RetryFirst, w.Settings.RetryMost, n.attempt))
	if final || w.Now().Add(pause).Sub(n.since) > w.Settings.GiveUp {
		w.record(ctx, n, w.drop(ctx, n, reason))
		return unreachable
	}
	w.record(ctx, n, w.again(ctx, n, pause))
	return unreachable
}

// call sends a logout token (Back-Channel Logout 1.0, 2.5). Each try has one of its own.
func (w *Worker) call(ctx context.Context, party *relyingparty.RelyingParty, n note) error {
	signer, err := w.Keyring.Signer(jose.Algorithm(party.IDTokenAlg))
	if err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	encrypter, err := w.Keys.Encrypter(ctx, party, party.IDTokenSecrecy) // with the keys of ID tokens (2.6)
	if err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	token, err := jose.Protector{Signer: signer, Encrypter: encrypter}.Protect(protocol.LogoutTokenType, protocol.LogoutToken{
		Issuer: w.Issuer, Audience: string(party.ID), Subject: n.subject, SessionID: protocol.SessionID(string(n.origin), string(party.ID)),
		IssuedAt: w.Now(), ID: id.New[string](),
	}.Claims())
	if err != nil {
		return fmt.Errorf("backchannel: sign: %w", err)
	}
	answer, err := party.Calls(w.Outbound).Do(ctx, outbound.Request{
		Method: "POST", URL: party.BackchannelLogoutURI, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body: []byte(url.Values{"logout_token": {token}}.Encode()),
	})
	if err != nil {
		return err //nolint:wrapcheck // its kind is asked
	}
	return answer.Err()
}

// drop ends a notice: it was told, or, with a reason, it is given up.
func (w *Worker) drop(ctx context.Context, n note, reason string) error {
	return w.DB.Write(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // wrapped by record
		ended, err := tx.Exec(`DELETE FROM logout_notice WHERE relying_party = $1 AND origin = $2 AND attempts = $3`, string(n.party), string(n.origin), n.attempt)
		if err != nil || ended == 0 || reason == "" {
			return err
		}
		return w.Audit.Record(tx, audit.Event{
			Name: audit.LogoutUntold, RelyingParty: n.party, Session: n.origin, Outcome: audit.Failed, Reason: reason,
			Data: map[string]string{"attempts": strconv.FormatInt(n.attempt, 10)},
		})
	})
}

// again puts a notice back until its next try.
func (w *Worker) again(ctx context.Context, n note, pause time.Duration) error {
	return w.DB.WriteStatement(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // wrapped by record
		_, err := tx.Exec(`UPDATE logout_notice SET due_at = $1 WHERE relying_party = $2 AND origin = $3 AND attempts = $4`,
			db.Millis(tx.Now().Add(pause)), string(n.party), string(n.origin), n.attempt)
		return err
	})
}

// record logs that the result could not be recorded: it is tried again when the lease ends.
func (w *Worker) record(ctx context.Context, n note, err error) {
	if err != nil {
		w.Log.ErrorContext(ctx, "the result of telling a service cannot be recorded", "relying_party", string(n.party), "error", err.Error())
	}
}

// Await waits until services were told of the sessions that some visits are of, at most
// Settings.Wait: who signs out at a service and lands there is signed out there by then.
func (w *Worker) Await(ctx context.Context, visits []Visit) {
	if w == nil || len(visits) == 0 || w.Settings.Wait <= 0 {
		return
	}
	var among []string
	var args []any
	for i, v := range visits[:min(len(visits), awaited)] {
		among = append(among, "relying_party = $"+strconv.Itoa(2*i+1)+" AND origin = $"+strconv.Itoa(2*i+2))
		args = append(args, string(v.RelyingParty), string(v.Origin))
	}
	ctx, cancel := context.WithTimeout(ctx, w.Settings.Wait)
	defer cancel()
	for pause := awaitStep; ; pause *= 2 {
		var waiting int64
		err := w.DB.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM logout_notice WHERE `+strings.Join(among, " OR "), args...).Scan(&waiting)
		})
		if err != nil || waiting == 0 {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Waiting is how many notices wait, of all nodes.
func (w *Worker) Waiting(ctx context.Context) (int64, error) {
	var n int64
	err := w.DB.Read(ctx, func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM logout_notice`).Scan(&n) })
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, "error.unavailable", err)
	}
	return n, nil
}

// backoff doubles from first with each failure, up to most.
func backoff(first, most time.Duration, failures int64) time.Duration {
	if failures > 30 {
		return most
	}
	return min(most, first<<max(0, failures-1))
}

// jitter spreads a wait by a fifth to both sides, so that nodes do not march in step.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1) //nolint:gosec // spreading, not a secret
}
