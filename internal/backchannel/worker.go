package backchannel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/courier"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/protocol"
	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
)

// How Await waits.
const (
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
	Bell     courier.Bell // that of Visits
}

// note is what a service is to be told.
type note struct {
	origin  id.Session
	subject string
}

// Run tells services until ctx ends, then waits for the calls under way.
func (w *Worker) Run(ctx context.Context) { w.courier().Run(ctx) }

// RunDue tells everything that is due now, and returns when that is done; for a clock that
// was moved, and for tests.
func (w *Worker) RunDue(ctx context.Context) error {
	return w.courier().RunDue(ctx) //nolint:wrapcheck // wrapped by Due
}

func (w *Worker) courier() *courier.Courier[note] {
	return &courier.Courier[note]{Book: book{w}, About: "ended sessions", Log: w.Log, Now: w.Now, Settings: w.Settings.Settings, Bell: w.Bell}
}

// book are the notices that wait.
type book struct{ *Worker }

// told is where a service is told; "" when it cannot be.
func told(p *relyingparty.RelyingParty) string { return p.BackchannelLogoutURI }

// Due are the services with due notices.
func (w book) Due(ctx context.Context) (map[string][]id.RelyingParty, error) {
	var due []id.RelyingParty
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT DISTINCT relying_party FROM logout_notice WHERE due_at <= $1`, db.Millis(tx.Now()))
		due, err = db.Collect(rows, err, func(r *db.Rows) (p id.RelyingParty, err error) { return p, r.Scan(&p) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backchannel: due: %w", err)
	}
	return w.Registry.Hosts(ctx, due, told) //nolint:wrapcheck // wrapped there
}

// Claim takes some due notices of a service.
func (w book) Claim(ctx context.Context, p id.RelyingParty, most int) ([]courier.Errand[note], error) {
	var out []courier.Errand[note]
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`UPDATE logout_notice SET due_at = $1, attempts = attempts + 1
			WHERE relying_party = $2 AND due_at <= $3 AND origin IN (
				SELECT origin FROM logout_notice WHERE relying_party = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4)
			RETURNING origin, subject, attempts, created_at`,
			db.Millis(tx.Now().Add(courier.Lease)), string(p), db.Millis(tx.Now()), most)
		out, err = db.Collect(rows, err, func(r *db.Rows) (courier.Errand[note], error) {
			n := courier.Errand[note]{Of: p}
			err := r.Scan(&n.What.origin, &n.What.subject, &n.Attempt, db.ScanTime(&n.Until))
			n.Until = n.Until.Add(w.Settings.GiveUp)
			return n, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backchannel: claim: %w", err)
	}
	return out, nil
}

// Call sends a logout token (Back-Channel Logout 1.0, 2.5). Each try has one of its own.
// 400 says that the service cannot sign this person out (2.8).
func (w book) Call(ctx context.Context, n courier.Errand[note]) error {
	party, err := w.Registry.Reachable(ctx, n.Of, told)
	if err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	if party == nil {
		return courier.ErrNobody
	}
	signer, err := w.Keyring.Signer(jose.Algorithm(party.IDTokenAlg))
	if err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	encrypter, err := w.Keys.Encrypter(ctx, party, party.IDTokenSecrecy) // with the keys of ID tokens (2.6)
	if err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	token, err := jose.Protector{Signer: signer, Encrypter: encrypter}.Protect(protocol.LogoutTokenType, protocol.LogoutToken{
		Issuer: w.Issuer, Audience: string(party.ID), Subject: n.What.subject, SessionID: protocol.SessionID(string(n.What.origin), string(party.ID)),
		IssuedAt: w.Now(), ID: id.New[string](),
	}.Claims())
	if err != nil {
		return fmt.Errorf("backchannel: sign: %w", err)
	}
	answer, err := party.Calls(w.Outbound).Do(ctx, outbound.Request{
		Method: "POST", URL: party.BackchannelLogoutURI, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body: []byte(url.Values{"logout_token": {token}}.Encode()),
	})
	if err == nil {
		err = answer.Err()
	}
	if e, ok := errors.AsType[*outbound.Error](err); ok && e.Status == 400 {
		return fmt.Errorf("%w: %w", courier.ErrFinal, err)
	}
	return err //nolint:wrapcheck // its kind is asked
}

// Done ends a notice: it was told, or, with a reason, it is given up.
func (w book) Done(ctx context.Context, n courier.Errand[note], reason string) error {
	return w.DB.Write(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // logged as it is
		ended, err := tx.Exec(`DELETE FROM logout_notice WHERE relying_party = $1 AND origin = $2 AND attempts = $3`, string(n.Of), string(n.What.origin), n.Attempt)
		if err != nil || ended == 0 || reason == "" {
			return err
		}
		return w.Audit.Record(tx, audit.Event{
			Name: audit.LogoutUntold, RelyingParty: n.Of, Session: n.What.origin, Outcome: audit.Failed, Reason: reason,
			Data: map[string]string{"attempts": strconv.FormatInt(n.Attempt, 10)},
		})
	})
}

// Again puts a notice back until its next try.
func (w book) Again(ctx context.Context, n courier.Errand[note], pause time.Duration) error {
	return w.DB.WriteStatement(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // logged as it is
		_, err := tx.Exec(`UPDATE logout_notice SET due_at = $1 WHERE relying_party = $2 AND origin = $3 AND attempts = $4`,
			db.Millis(tx.Now().Add(pause)), string(n.Of), string(n.What.origin), n.Attempt)
		return err
	})
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
