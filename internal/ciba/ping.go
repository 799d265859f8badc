package ciba

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/courier"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// await keeps by what a service is told of the decision (CIBA, 7.1 and 10.2).
func (s Requests) await(tx *db.Tx, n Request) error {
	err := tx.ExecOne(`INSERT INTO ciba_ping (request, relying_party, auth_req_id, token, attempts, due_at, expires_at)
		VALUES ($1, $2, $3, $4, 0, NULL, $5)`, n.ID, string(n.RelyingParty),
		s.Keys.Seal("ciba_ping", "auth_req_id", n.ID, []byte(n.AuthReqID)), s.Keys.Seal("ciba_ping", "token", n.ID, []byte(n.NotificationToken)),
		db.Millis(tx.Now().Add(n.Life)))
	if err != nil {
		return fmt.Errorf("ciba: await: %w", err)
	}
	return nil
}

// decided makes a ping due, if the service wants one.
func (s Requests) decided(tx *db.Tx, name string) error {
	n, err := tx.Exec(`UPDATE ciba_ping SET due_at = $1 WHERE request = $2 AND due_at IS NULL`, db.Millis(tx.Now()), name)
	if err != nil {
		return fmt.Errorf("ciba: decided: %w", err)
	}
	if n > 0 {
		tx.AfterCommit(s.Bell.Ring)
	}
	return nil
}

// Pinger tells services of ping mode that their people have decided. Every node runs one.
// All fields are needed.
type Pinger struct {
	DB       *db.DB
	Keys     *secret.Keys
	Registry *relyingparty.Registry
	Outbound *outbound.Client
	Audit    *audit.Log
	Log      *slog.Logger
	Now      func() time.Time
	Settings courier.Settings
	Bell     courier.Bell // that of Requests
}

// Run tells services until ctx ends, then waits for the calls under way.
func (p *Pinger) Run(ctx context.Context) { p.courier().Run(ctx) }

// RunDue tells everything that is due now, and returns when that is done; for a clock that
// was moved, and for tests.
func (p *Pinger) RunDue(ctx context.Context) error {
	return p.courier().RunDue(ctx) //nolint:wrapcheck // wrapped by Due
}

// Waiting is how many services are still to be told, of all nodes.
func (p *Pinger) Waiting(ctx context.Context) (n int64, err error) {
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM ciba_ping WHERE due_at IS NOT NULL`).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("ciba: waiting: %w", err)
	}
	return n, nil
}

func (p *Pinger) courier() *courier.Courier[ping] {
	return &courier.Courier[ping]{Book: book{p}, About: "confirmations", Log: p.Log, Now: p.Now, Settings: p.Settings, Bell: p.Bell}
}

// ping is what a service is told, and how it knows us, both sealed.
type ping struct {
	request          string
	authReqID, token []byte
}

// book are the pings that wait.
type book struct{ *Pinger }

// endpoint is where a service is told; "" when it cannot be, or asks by itself now.
func endpoint(p *relyingparty.RelyingParty) string { return p.NotificationEndpoint }

// Due are the services with due pings.
func (b book) Due(ctx context.Context) (map[string][]id.RelyingParty, error) {
	var due []id.RelyingParty
	err := b.DB.Read(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT DISTINCT relying_party FROM ciba_ping WHERE due_at <= $1`, db.Millis(tx.Now()))
		due, err = db.Collect(rows, err, func(r *db.Rows) (p id.RelyingParty, err error) { return p, r.Scan(&p) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ciba: due: %w", err)
	}
	return b.Registry.Hosts(ctx, due, endpoint) //nolint:wrapcheck // wrapped there
}

// Claim takes some due pings of a service.
func (b book) Claim(ctx context.Context, of id.RelyingParty, most int) ([]courier.Errand[ping], error) {
	var out []courier.Errand[ping]
	err := b.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`UPDATE ciba_ping SET due_at = $1, attempts = attempts + 1
			WHERE relying_party = $2 AND due_at <= $3 AND request IN (
				SELECT request FROM ciba_ping WHERE relying_party = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4)
			RETURNING request, auth_req_id, token, attempts, expires_at`,
			db.Millis(tx.Now().Add(courier.Lease)), string(of), db.Millis(tx.Now()), most)
		out, err = db.Collect(rows, err, func(r *db.Rows) (courier.Errand[ping], error) {
			e := courier.Errand[ping]{Of: of}
			err := r.Scan(&e.What.request, &e.What.authReqID, &e.What.token, &e.Attempt, db.ScanTime(&e.Until))
			return e, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ciba: claim: %w", err)
	}
	return out, nil
}

// Call sends a ping (CIBA, 10.2): what the service may do with 2xx is to ask for the tokens.
// A redirect is not followed. What the service itself refuses, or sends elsewhere, needs
// somebody who mends it, and is not sent again; an outage is waited for.
func (b book) Call(ctx context.Context, e courier.Errand[ping]) error {
	party, err := b.Registry.Reachable(ctx, e.Of, endpoint)
	if err != nil {
		return fmt.Errorf("ciba: %w", err)
	}
	if party == nil {
		return courier.ErrNobody
	}
	if !b.Now().Before(e.Until) {
		return courier.ErrLate
	}
	authReqID, err := b.Keys.Open("ciba_ping", "auth_req_id", e.What.request, e.What.authReqID)
	if err != nil {
		return fmt.Errorf("ciba: %w: %w", courier.ErrFinal, err)
	}
	token, err := b.Keys.Open("ciba_ping", "token", e.What.request, e.What.token)
	if err != nil {
		return fmt.Errorf("ciba: %w: %w", courier.ErrFinal, err)
	}
	body, err := json.Marshal(map[string]string{"auth_req_id": string(authReqID)})
	if err != nil {
		return fmt.Errorf("ciba: %w", err)
	}
	answer, err := party.Calls(b.Outbound).Do(ctx, outbound.Request{
		Method: "POST", URL: party.NotificationEndpoint, Body: body,
		Header: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + string(token)},
	})
	if err != nil {
		return err //nolint:wrapcheck // its kind is asked
	}
	if err := answer.Err(); err != nil && !answer.Passes() {
		return fmt.Errorf("%w: %w", courier.ErrFinal, err)
	}
	return answer.Err() //nolint:wrapcheck // its kind is asked
}

// Done ends a ping and what it was made of: the service was told or, with a reason, it is given up.
func (b book) Done(ctx context.Context, e courier.Errand[ping], reason string) error {
	return b.DB.Write(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // logged as it is
		ended, err := tx.Exec(`DELETE FROM ciba_ping WHERE request = $1 AND attempts = $2`, e.What.request, e.Attempt)
		if err != nil || ended == 0 || reason == "" {
			return err
		}
		return b.Audit.Record(tx, audit.Event{
			Name: audit.CIBAUntold, RelyingParty: e.Of, Outcome: audit.Failed, Reason: reason,
			Data: map[string]string{"attempts": strconv.FormatInt(e.Attempt, 10)},
		})
	})
}

// Again puts a ping back until its next try.
func (b book) Again(ctx context.Context, e courier.Errand[ping], pause time.Duration) error {
	return b.DB.WriteStatement(ctx, func(tx *db.Tx) error { //nolint:wrapcheck // logged as it is
		_, err := tx.Exec(`UPDATE ciba_ping SET due_at = $1 WHERE request = $2 AND attempts = $3`,
			db.Millis(tx.Now().Add(pause)), e.What.request, e.Attempt)
		return err
	})
}
