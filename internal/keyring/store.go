package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/jose"
)

// ErrWrongKeys says that the configured key files are not those of this database.
var ErrWrongKeys = errors.New("keyring: wrong key files")

// checked is a sealed row that only the deployment's keys open.
type checked struct {
	id   string
	want [][]byte // the value that is written, and older ones that are good, too
	text string   // what to do when it cannot be opened
}

func (k *Keyring) checks() []checked {
	var peppered [][]byte
	for _, id := range k.Keys.PepperIDs() {
		value, _ := k.Keys.Pepper(id, "parvis key check") // the id is one of its own
		peppered = append(peppered, value)
	}
	return []checked{
		{"root", [][]byte{[]byte("parvis")}, "keys.root_files holds none of the root keys that this database was written with: " +
			"give the root key files of this deployment (an older one may follow the newer one), or another database.url"},
		{"pepper", peppered, "keys.pepper_files holds none of the peppers that this database was written with: " +
			"give the pepper files of this deployment (an older one may follow the newer one), or another database.url"},
	}
}

// compare opens a stored row and tells whether it is the value that would be
// written now, sealed with the key that seals now.
func (k *Keyring) compare(c checked, stored, fresh []byte) (newest bool, err error) {
	plain, err := k.Keys.Open("key_check", "sealed", c.id, stored)
	at := slices.IndexFunc(c.want, func(want []byte) bool { return bytes.Equal(plain, want) })
	if err != nil || at < 0 {
		return false, fmt.Errorf("%w: %s", ErrWrongKeys, c.text)
	}
	return at == 0 && stored[0] == fresh[0], nil
}

// peppers refuses keys without a pepper that a stored verifier needs: nobody whom
// it belongs to could sign in. It tells whether verifiers from before there were
// ids are left, which need the oldest.
func (k *Keyring) peppers(tx *db.Tx) (unnamed bool, err error) {
	if k.Peppers == nil {
		return false, nil
	}
	needed, err := k.Peppers(tx)
	if err != nil {
		return false, err
	}
	for _, id := range needed {
		if id != "" && !slices.Contains(k.Keys.PepperIDs(), id) {
			return false, fmt.Errorf("%w: there are passwords or backup codes that need the pepper %s, which is not in keys.pepper_files: "+
				"put its file back at the end of the list, or see `parvis key drop-pepper`", ErrWrongKeys, id)
		}
		unnamed = unnamed || id == ""
	}
	return unnamed, nil
}

// Verify compares the configured keys with the database, and changes nothing.
// A database that was never started with any keys fits all.
func (k *Keyring) Verify(ctx context.Context) error {
	return k.examine(ctx, k.DB.Read, func(*db.Tx, string, []byte, bool) error { return nil })
}

// check compares the configured keys with the sealed rows, which the first
// start writes. After the first root key or pepper was changed, they are written anew.
func (k *Keyring) check(ctx context.Context) error {
	return k.examine(ctx, k.DB.Write, func(tx *db.Tx, id string, sealed []byte, exists bool) error {
		if exists {
			return tx.ExecOne(`UPDATE key_check SET sealed = $1 WHERE id = $2`, sealed, id)
		}
		return tx.ExecOne(`INSERT INTO key_check (id, sealed) VALUES ($1, $2)`, id, sealed)
	})
}

// examine compares the keys with the sealed rows in one transaction and lets
// write bring those up to date that are missing or older. Under wrong keys nothing is written.
func (k *Keyring) examine(ctx context.Context, run func(context.Context, func(*db.Tx) error) error, write func(tx *db.Tx, id string, sealed []byte, exists bool) error) error {
	all := k.checks()
	fresh := make([][]byte, len(all))
	for i, c := range all {
		fresh[i] = k.Keys.Seal("key_check", "sealed", c.id, c.want[0])
	}
	err := run(ctx, func(tx *db.Tx) error {
		unnamed, missing := k.peppers(tx)
		for i, row := range all {
			var stored []byte
			err := tx.QueryRow(`SELECT sealed FROM key_check WHERE id = $1`, row.id).Scan(&stored)
			exists := !errors.Is(err, db.ErrNoRows)
			if err != nil && exists {
				return err
			}
			newest := false
			if exists {
				if newest, err = k.compare(row, stored, fresh[i]); err != nil {
					return err
				}
			}
			if newest || row.id == "pepper" && exists && unnamed {
				continue
			}
			if err := write(tx, row.id, fresh[i], exists); err != nil {
				return err
			}
		}
		return missing
	})
	if errors.Is(err, ErrWrongKeys) {
		return err
	}
	if err != nil {
		return fmt.Errorf("keyring: check the deployment's keys: %w", err)
	}
	return nil
}

// revision is the number that grows with every change of the keys.
func revision(tx *db.Tx) (int64, error) {
	var n int64
	err := tx.QueryRow(`SELECT revision FROM key_revision WHERE id = 'signing'`).Scan(&n)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func bump(tx *db.Tx) error {
	return tx.ExecOne(`INSERT INTO key_revision (id, revision) VALUES ('signing', 1)
		ON CONFLICT (id) DO UPDATE SET revision = key_revision.revision + 1`)
}

// stored is a row of signing_key.
type stored struct {
	Key
	private []byte
}

func readKeys(tx *db.Tx) ([]stored, error) {
	rows, err := tx.Query(`SELECT id, algorithm, private, created_at, active_from, retire_at FROM signing_key ORDER BY active_from, id`)
	return db.Collect(rows, err, func(rows *db.Rows) (stored, error) {
		var s stored
		err := rows.Scan(&s.ID, &s.Algorithm, &s.private, db.ScanTime(&s.CreatedAt), db.ScanTime(&s.ActiveFrom), db.NullTime(&s.RetireAt))
		return s, err
	})
}

// load reads and opens all keys. Those that the last snapshot had are not parsed again.
func (k *Keyring) load(ctx context.Context) error {
	var rev int64
	var rows []stored
	err := k.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if rev, err = revision(tx); err != nil {
			return err
		}
		rows, err = readKeys(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("keyring: read the signing keys: %w", err)
	}
	parsed := map[string]*jose.Signer{}
	if before := k.snapshot.Load(); before != nil {
		for _, key := range before.keys {
			parsed[key.ID] = key.signer
		}
	}
	keys := make([]signing, 0, len(rows))
	for _, row := range rows {
		signer := parsed[row.ID]
		if signer == nil {
			if signer, err = k.open(row); err != nil {
				return err
			}
		}
		keys = append(keys, signing{Key: row.Key, signer: signer})
	}
	next, err := newSnapshot(rev, keys, k.Now())
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	k.snapshot.Store(next)
	return nil
}

func (k *Keyring) open(row stored) (*jose.Signer, error) {
	der, err := k.Keys.Open("signing_key", "private", row.ID, row.private)
	if err != nil {
		return nil, fmt.Errorf("keyring: open signing key %s: %w", row.ID, err)
	}
	private, err := jose.ParsePrivate(der)
	if err != nil {
		return nil, fmt.Errorf("keyring: signing key %s: %w", row.ID, err)
	}
	return jose.NewSigner(row.Algorithm, private)
}

// fresh is a new key, made outside of any transaction, because RSA takes its time.
type fresh struct {
	id     string
	alg    jose.Algorithm
	sealed []byte
	public string
}

func (k *Keyring) generate(alg jose.Algorithm) (fresh, error) {
	newKey := k.NewKey
	if newKey == nil {
		newKey = jose.Generate
	}
	private, err := newKey(alg)
	if err != nil {
		return fresh{}, fmt.Errorf("keyring: %w", err)
	}
	signer, err := jose.NewSigner(alg, private)
	if err != nil {
		return fresh{}, fmt.Errorf("keyring: %w", err)
	}
	der, err := jose.MarshalPrivate(private)
	if err != nil {
		return fresh{}, fmt.Errorf("keyring: %w", err)
	}
	public, err := jose.NewKeySet(signer.JWK()).JSON()
	if err != nil {
		return fresh{}, fmt.Errorf("keyring: %w", err)
	}
	id := signer.KeyID()
	return fresh{id: id, alg: alg, sealed: k.Keys.Seal("signing_key", "private", id, der), public: string(public)}, nil
}

// add stores a key that signs from an instant on, notes why, and tells every node.
func (k *Keyring) add(tx *db.Tx, f fresh, from time.Time, name audit.Name, why string) error {
	err := tx.ExecOne(`INSERT INTO signing_key (id, algorithm, private, public, created_at, active_from) VALUES ($1, $2, $3, $4, $5, $6)`,
		f.id, f.alg, f.sealed, f.public, db.Millis(tx.Now()), db.Millis(from))
	if err != nil {
		return err
	}
	if err := k.record(tx, name, f.id, f.alg, why); err != nil {
		return err
	}
	return bump(tx)
}

func (k *Keyring) record(tx *db.Tx, name audit.Name, id string, alg jose.Algorithm, reason string) error {
	return k.Audit.Record(tx, audit.Event{
		Name: name, Outcome: audit.Success, Reason: reason,
		Data: map[string]string{"key": id, "algorithm": string(alg)},
	})
}

// create makes the first key of an algorithm, unless another node was faster.
func (k *Keyring) create(ctx context.Context, alg jose.Algorithm) error {
	f, err := k.generate(alg)
	if err != nil {
		return err
	}
	err = k.DB.Write(ctx, func(tx *db.Tx) error {
		keys, err := readKeys(tx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key.Algorithm == alg && !key.ActiveFrom.After(tx.Now()) && !key.retired(tx.Now()) {
				return nil
			}
		}
		return k.add(tx, f, atOnce(tx), audit.KeyCreated, "first")
	})
	if err != nil {
		return fmt.Errorf("keyring: create a %s key: %w", alg, err)
	}
	return nil
}

// atOnce is since when a key signs that has no predecessor: also a node whose clock is
// behind must have one.
func atOnce(tx *db.Tx) time.Time { return tx.Now().Add(-margin) }

// all are the algorithms of the keys that are known.
func (k *Keyring) all() []jose.Algorithm {
	var known []stored
	if s := k.snapshot.Load(); s != nil {
		for _, key := range s.keys {
			known = append(known, stored{Key: key.Key})
		}
	}
	return used(known)
}

// Rotate makes a new key for each algorithm. It is published at once, signs
// after Settings.PublishBefore, and its predecessor is published for
// Settings.KeepAfter more.
func (k *Keyring) Rotate(ctx context.Context) error {
	if err := k.load(ctx); err != nil {
		return err
	}
	for _, alg := range k.all() {
		if err := k.rotate(ctx, alg, 0); err != nil {
			return err
		}
	}
	return k.load(ctx)
}

// rotate makes a new key for one algorithm. With an age it does so only when the
// newest key is that old, which it decides in the transaction.
func (k *Keyring) rotate(ctx context.Context, alg jose.Algorithm, age time.Duration) error {
	f, err := k.generate(alg)
	if err != nil {
		return err
	}
	err = k.DB.Write(ctx, func(tx *db.Tx) error {
		keys, err := readKeys(tx)
		if err != nil {
			return err
		}
		if age > 0 && !old(keys, alg, age, tx.Now()) {
			return nil
		}
		from := tx.Now().Add(k.Settings.PublishBefore)
		_, err = tx.Exec(`UPDATE signing_key SET retire_at = $1 WHERE algorithm = $2 AND retire_at IS NULL`,
			db.Millis(from.Add(k.Settings.KeepAfter)), alg)
		if err != nil {
			return err
		}
		return k.add(tx, f, from, audit.KeyRotated, "")
	})
	if err != nil {
		return fmt.Errorf("keyring: rotate the %s key: %w", alg, err)
	}
	return nil
}

// old reports whether the newest key of an algorithm is due to be replaced.
func old(keys []stored, alg jose.Algorithm, age time.Duration, now time.Time) bool {
	var newest time.Time
	for _, key := range keys {
		if key.Algorithm == alg && key.CreatedAt.After(newest) {
			newest = key.CreatedAt
		}
	}
	return now.Sub(newest) >= age
}

// Replace is for a key that others may know: new keys sign at once, and all
// older ones are removed. Tokens that those signed cannot be verified any more.
func (k *Keyring) Replace(ctx context.Context) error {
	if err := k.load(ctx); err != nil {
		return err
	}
	for _, alg := range k.all() {
		f, err := k.generate(alg)
		if err != nil {
			return err
		}
		err = k.DB.Write(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(`DELETE FROM signing_key WHERE algorithm = $1`, alg); err != nil {
				return err
			}
			return k.add(tx, f, atOnce(tx), audit.KeyRotated, "replaced")
		})
		if err != nil {
			return fmt.Errorf("keyring: replace the %s key: %w", alg, err)
		}
	}
	return k.load(ctx)
}

// Maintain rotates keys that are old enough and deletes those whose time is
// over. A job runs it each minute.
func (k *Keyring) Maintain(ctx context.Context) error {
	due, err := k.due(ctx)
	if err != nil {
		return err
	}
	for _, alg := range due {
		if err := k.rotate(ctx, alg, k.Settings.RotateEvery); err != nil {
			return err
		}
	}
	if err := k.remove(ctx); err != nil {
		return err
	}
	return k.Refresh(ctx)
}

// due are the algorithms whose newest key is old.
func (k *Keyring) due(ctx context.Context) ([]jose.Algorithm, error) {
	var out []jose.Algorithm
	if k.Settings.RotateEvery == 0 {
		return nil, nil
	}
	err := k.DB.Read(ctx, func(tx *db.Tx) error {
		keys, err := readKeys(tx)
		if err != nil {
			return err
		}
		out = nil
		for _, alg := range used(keys) {
			if old(keys, alg, k.Settings.RotateEvery, tx.Now()) {
				out = append(out, alg)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return out, nil
}

// remove deletes keys that are no longer published.
func (k *Keyring) remove(ctx context.Context) error {
	err := k.DB.Write(ctx, func(tx *db.Tx) error {
		keys, err := readKeys(tx)
		if err != nil {
			return err
		}
		removed := false
		for _, key := range keys {
			if !key.retired(tx.Now()) {
				continue
			}
			removed = true
			if err := tx.ExecOne(`DELETE FROM signing_key WHERE id = $1`, key.ID); err != nil {
				return err
			}
			if err := k.record(tx, audit.KeyRemoved, key.ID, key.Algorithm, ""); err != nil {
				return err
			}
		}
		if !removed {
			return nil
		}
		return bump(tx)
	})
	if err != nil {
		return fmt.Errorf("keyring: remove: %w", err)
	}
	return nil
}
