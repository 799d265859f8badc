package account

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Purpose says what a proof of address is for.
type Purpose string

// The purposes.
const (
	ProveActivate Purpose = "activate" // activate a new account
	ProveReset    Purpose = "reset"    // choose a new password
	ProveUnlock   Purpose = "unlock"   // lift the lock of the password
	ProveAdd      Purpose = "add"      // add the address to an account
)

// ProofStatus says what became of a proof.
type ProofStatus string

// The statuses.
const (
	ProofUnknown  ProofStatus = "unknown"  // there is no such proof, or it is long gone
	ProofLive     ProofStatus = "live"     // can be used
	ProofUsed     ProofStatus = "used"     // was used, by its link or by its code
	ProofReplaced ProofStatus = "replaced" // a newer message ended it
	ProofExpired  ProofStatus = "expired"  // too old
	ProofRemoved  ProofStatus = "removed"  // its account is gone
)

// Proof is one message that asks for proof of an address.
type Proof struct {
	ID           id.Proof
	Purpose      Purpose
	Status       ProofStatus
	Address      Addr            // the address it was sent to; zero once that was wiped
	Account      id.Account      // "" when the address had none
	Flow         id.Flow         // the journey it was asked for in
	RelyingParty id.RelyingParty // the service that journey was for, "" for none
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// Lasts is how long the proof can be used, counted from its message.
func (p Proof) Lasts() time.Duration { return p.ExpiresAt.Sub(p.CreatedAt) }

// LogValue shows what may be logged of a proof.
func (p Proof) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(p.ID)), slog.String("purpose", string(p.Purpose)),
		slog.String("status", string(p.Status)))
}

// ProofDraft is a proof to be issued. Make it with Proofs.Draft, before the
// transaction, and fill in what the message is about.
type ProofDraft struct {
	ID           id.Proof
	Token        string // goes into the link of the message: 256 bits
	Code         string // goes into the text of the message: Settings.CodeDigits digits
	Purpose      Purpose
	Address      Addr
	Account      id.Account
	Flow         id.Flow
	RelyingParty id.RelyingParty
	Lasts        time.Duration // how long it can be used
}

// LogValue keeps the secrets out of the log.
func (d ProofDraft) LogValue() slog.Value { return slog.StringValue("proof:" + string(d.ID)) }

// Proofs are the proofs of address in the database. Every method takes a transaction.
type Proofs struct {
	Keys     *secret.Keys
	Settings Settings
}

// Draft makes the identifier and the secrets of a new proof.
func (p Proofs) Draft(purpose Purpose, addr Addr) ProofDraft {
	return ProofDraft{
		ID: id.New[id.Proof](), Token: secret.NewToken(), Code: secret.NewCode(p.Settings.CodeDigits),
		Purpose: purpose, Address: addr, Lasts: p.Settings.ProofLifetime,
	}
}

// Issue stores a new proof and ends every older one of the same address and
// purpose; of those that add an address, only the account's own. The number of wrong codes of the address stays (SP 800-63B-4, 3.1.3.2).
func (p Proofs) Issue(tx *db.Tx, d ProofDraft) (Proof, error) {
	now := tx.Now()
	for _, index := range p.Keys.Indexes(indexPurpose, d.Address.Key) {
		_, err := tx.Exec(`UPDATE address_proof SET replaced_at = $1
			WHERE address_index = $2 AND purpose = $3 AND replaced_at IS NULL AND consumed_at IS NULL
			AND (purpose <> $4 OR account_id = $5)`,
			db.Millis(now), index, d.Purpose, ProveAdd, db.NullText(d.Account))
		if err != nil {
			return Proof{}, fmt.Errorf("account: end older proofs: %w", err)
		}
	}
	ends := now.Add(d.Lasts)
	err := tx.ExecOne(`INSERT INTO address_proof (id, purpose, token_digest, code_mac, tries, account_id,
			address, address_index, flow_id, relying_party, created_at, expires_at)
		VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11)`,
		d.ID, d.Purpose, secret.Digest(d.Token), p.Keys.CodeMAC(string(d.ID), d.Code), db.NullText(d.Account),
		p.Keys.Seal("address_proof", "address", string(d.ID), []byte(d.Address.Written)),
		p.Keys.Index(indexPurpose, d.Address.Key), d.Flow, d.RelyingParty, db.Millis(now), db.Millis(ends))
	if err != nil {
		return Proof{}, fmt.Errorf("account: issue proof: %w", err)
	}
	return Proof{
		ID: d.ID, Purpose: d.Purpose, Status: ProofLive, Address: d.Address, Account: d.Account,
		Flow: d.Flow, RelyingParty: d.RelyingParty, CreatedAt: now, ExpiresAt: ends,
	}, nil
}

const proofColumns = `id, purpose, account_id, address, flow_id, relying_party,
	created_at, expires_at, consumed_at, replaced_at, removed_at`

// scanProof reads a proof; its status is that of now.
func (p Proofs) scanProof(r row, now time.Time) (Proof, error) {
	var out Proof
	var sealed []byte
	var consumed, replaced, removed time.Time
	err := r.Scan(&out.ID, &out.Purpose, db.ScanText(&out.Account), &sealed, &out.Flow, &out.RelyingParty,
		db.ScanTime(&out.CreatedAt), db.ScanTime(&out.ExpiresAt),
		db.NullTime(&consumed), db.NullTime(&replaced), db.NullTime(&removed))
	if errors.Is(err, db.ErrNoRows) {
		return Proof{Status: ProofUnknown}, nil
	}
	if err != nil {
		return Proof{}, fmt.Errorf("account: read proof: %w", err)
	}
	switch {
	case !removed.IsZero():
		out.Status = ProofRemoved
	case !consumed.IsZero():
		out.Status = ProofUsed
	case !replaced.IsZero():
		out.Status = ProofReplaced
	case !now.Before(out.ExpiresAt):
		out.Status = ProofExpired
	default:
		out.Status = ProofLive
	}
	if sealed == nil {
		return out, nil
	}
	plain, err := p.Keys.Open("address_proof", "address", string(out.ID), sealed)
	if err != nil {
		return Proof{}, fmt.Errorf("account: open proof: %w", err)
	}
	out.Address, err = ParseAddress(string(plain))
	if err != nil {
		return Proof{}, fmt.Errorf("account: address of a proof: %w", err)
	}
	return out, nil
}

// Find looks at the proof of a link and consumes nothing: mail scanners open
// links too. An unknown token has the status ProofUnknown.
func (p Proofs) Find(tx *db.Tx, token string) (Proof, error) {
	return p.scanProof(tx.QueryRow(`SELECT `+proofColumns+` FROM address_proof WHERE token_digest = $1`,
		secret.Digest(token)), tx.Now())
}

// ByID looks at a proof that a journey has issued.
func (p Proofs) ByID(tx *db.Tx, proof id.Proof) (Proof, error) {
	return p.scanProof(tx.QueryRow(`SELECT `+proofColumns+` FROM address_proof WHERE id = $1`, proof), tx.Now())
}

// Use uses the proof of a link: one conditional statement, one winner. Won is
// false when it could not be used (any more); the proof's status then says why.
func (p Proofs) Use(tx *db.Tx, token string) (proof Proof, won bool, err error) {
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE address_proof SET consumed_at = $1
		WHERE token_digest = $2 AND consumed_at IS NULL AND replaced_at IS NULL AND removed_at IS NULL AND expires_at > $1`,
		now, secret.Digest(token))
	if err != nil {
		return Proof{}, false, fmt.Errorf("account: use proof: %w", err)
	}
	proof, err = p.Find(tx, token)
	if err != nil || n == 0 {
		return proof, false, err
	}
	return proof, true, p.proven(tx, proof)
}

// CodeTry is what came of a typed code.
type CodeTry struct {
	Proof   id.Proof
	Allowed bool // it was compared
	Matches bool // it is the code: call UseCode
	Left    int  // how many more codes can be typed for this message
}

// TryCode counts a try and then compares a typed code. Run it alone in
// DB.WriteStatement: then of any number of tries at once no more than
// Settings.CodeTries are compared for one message, and no more than
// Settings.CodeTriesPerAddress for one address however many messages are sent
// to it and from wherever the codes are typed. It uses nothing up: see UseCode.
func (p Proofs) TryCode(tx *db.Tx, proof id.Proof, typed string) (CodeTry, error) {
	var tries int
	var stored []byte
	var index string
	err := tx.QueryRow(`UPDATE address_proof SET tries = tries + 1
		WHERE id = $1 AND tries < $2 AND code_mac IS NOT NULL AND address_index IS NOT NULL
		AND consumed_at IS NULL AND replaced_at IS NULL AND removed_at IS NULL AND expires_at > $3
		RETURNING tries, code_mac, address_index`,
		proof, p.Settings.CodeTries, db.Millis(tx.Now())).Scan(&tries, &stored, &index)
	if errors.Is(err, db.ErrNoRows) {
		return CodeTry{Proof: proof}, nil
	}
	if err != nil {
		return CodeTry{}, fmt.Errorf("account: count code: %w", err)
	}
	counter := Attempts(p)
	key := AttemptKey{indexes: []string{index}, kind: kindCode}
	attempt, err := counter.count(tx, key, p.Settings.CodeTriesPerAddress, p.Settings.CodeTriesExpire)
	if err != nil || !attempt.Allowed {
		return CodeTry{Proof: proof}, err
	}
	out := CodeTry{Proof: proof, Allowed: true, Left: min(p.Settings.CodeTries-tries, attempt.Left)}
	out.Matches = p.Keys.CodeMatches(string(proof), secret.CleanCode(typed), stored)
	return out, nil
}

// UseCode uses a proof whose code was typed: the same single use as Use.
// A try that did not match wins nothing.
func (p Proofs) UseCode(tx *db.Tx, try CodeTry) (proof Proof, won bool, err error) {
	if !try.Matches {
		proof, err = p.ByID(tx, try.Proof)
		return proof, false, err
	}
	n, err := tx.Exec(`UPDATE address_proof SET consumed_at = $1
		WHERE id = $2 AND consumed_at IS NULL AND replaced_at IS NULL AND removed_at IS NULL AND expires_at > $1`,
		db.Millis(tx.Now()), try.Proof)
	if err != nil {
		return Proof{}, false, fmt.Errorf("account: use code: %w", err)
	}
	proof, err = p.ByID(tx, try.Proof)
	if err != nil || n == 0 {
		return proof, false, err
	}
	return proof, true, p.proven(tx, proof)
}

// proven forgets the wrong codes of an address that was proven.
func (p Proofs) proven(tx *db.Tx, proof Proof) error {
	return Attempts(p).Clear(tx,
		AttemptKey{indexes: p.Keys.Indexes(indexPurpose, proof.Address.Key), kind: kindCode})
}

// Purge takes the address and the code out of proofs that can no longer be used
// and deletes their remains after Settings.ProofsKept, at most limit of each.
func (p Proofs) Purge(tx *db.Tx, limit int) (int64, error) {
	now := tx.Now()
	// A used or expired proof keeps its address for as long as its account can wait
	// for activation: until then the page of an old link can offer another message.
	wiped, err := tx.Exec(`UPDATE address_proof SET address = NULL, address_index = NULL, code_mac = NULL
		WHERE id IN (SELECT id FROM address_proof WHERE address_index IS NOT NULL AND created_at <= $1 AND expires_at <= $2
			ORDER BY created_at LIMIT $3)`,
		db.Millis(now.Add(-p.Settings.UnactivatedAfter)), db.Millis(now), limit)
	if err != nil {
		return 0, fmt.Errorf("account: wipe proofs: %w", err)
	}
	deleted, err := tx.Exec(`DELETE FROM address_proof
		WHERE id IN (SELECT id FROM address_proof WHERE created_at <= $1 ORDER BY created_at LIMIT $2)`,
		db.Millis(now.Add(-p.Settings.ProofsKept)), limit)
	if err != nil {
		return 0, fmt.Errorf("account: delete proofs: %w", err)
	}
	return wiped + deleted, nil
}
