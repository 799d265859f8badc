package relyingparty

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/secret"
)

// Secret is one client secret: its digest and, of AuthSecretJWT alone, itself.
type Secret struct {
	Digest []byte
	Ends   time.Time // zero: no end

	plain []byte // what assertions are signed with; nil for every other method
}

// UsesSecret reports whether there are client secrets with a method.
func (m AuthMethod) UsesSecret() bool { return m == AuthBasic || m == AuthPost || m == AuthSecretJWT }

// SecretMatches compares a presented client secret with those in force, in constant time.
func (p *RelyingParty) SecretMatches(presented string, now time.Time) bool {
	digest := secret.Digest(presented)
	found := false
	for _, s := range p.Secrets {
		alive := s.Ends.IsZero() || now.Before(s.Ends)
		if secret.Equal(s.Digest, digest) && alive {
			found = true
		}
	}
	return found
}

// VerifySecret checks a client assertion of AuthSecretJWT with the secrets in force
// (OpenID Connect Core 1.0, 9); jose.ErrSignature for every other method.
func (p *RelyingParty) VerifySecret(token string, now time.Time) ([]byte, error) {
	err := jose.ErrSignature
	for _, s := range p.Secrets {
		if s.plain == nil || !s.Ends.IsZero() && !now.Before(s.Ends) {
			continue
		}
		var payload []byte
		if payload, err = jose.VerifySecret(token, s.plain); err == nil {
			return payload, nil
		}
	}
	return nil, err //nolint:wrapcheck // says what it is
}

// Keep is what is stored of a client secret: its digest or, where assertions are verified
// with the secret itself, the secret sealed for its row. nil for methods without a secret.
func (st Store) Keep(m AuthMethod, pid id.RelyingParty, plain string) []byte {
	switch {
	case m == AuthSecretJWT:
		return st.Registry.Keys.Seal("relying_party", "secret", string(pid), []byte(plain))
	case m.UsesSecret():
		return secret.Digest(plain)
	}
	return nil
}

// digestBytes is the size of a kept secret that is a digest. A sealed one is longer.
const digestBytes = 32

// keeps reports whether what is kept of a secret is what a method needs.
func (m AuthMethod) keeps(kept []byte) bool {
	switch {
	case m == AuthSecretJWT:
		return len(kept) > digestBytes
	case m.UsesSecret():
		return len(kept) == digestBytes
	}
	return len(kept) == 0
}

// kept reads what Keep made.
func kept(keys *secret.Keys, m AuthMethod, row string, stored []byte, ends time.Time) (Secret, error) {
	if m != AuthSecretJWT {
		return Secret{Digest: stored, Ends: ends}, nil
	}
	plain, err := keys.Open("relying_party", "secret", row, stored)
	if err != nil {
		return Secret{}, fmt.Errorf("relyingparty: secret of %s: %w", row, err)
	}
	return Secret{Digest: secret.Digest(string(plain)), Ends: ends, plain: plain}, nil
}

// Reseal seals the secrets anew that an older root key sealed, so that it can be taken away.
// Call it once when a node starts.
func (st Store) Reseal(ctx context.Context, d *db.DB) error {
	err := d.Write(ctx, func(tx *db.Tx) error {
		stored, err := readAll(tx)
		if err != nil {
			return err
		}
		for _, rec := range stored {
			if err := st.reseal(tx, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("relyingparty: reseal: %w", err)
	}
	return nil
}

// reseal writes a row only when something in it is sealed with an older key.
func (st Store) reseal(tx *db.Tx, rec record) error {
	var s Settings
	if err := json.Unmarshal(rec.settings, &s); err != nil || AuthMethod(s.Auth) != AuthSecretJWT {
		return nil //nolint:nilerr // Registry leaves such a row out, and says so
	}
	keys, older := st.Registry.Keys, false
	for _, one := range []*[]byte{&rec.secret, &rec.former} {
		if len(*one) <= digestBytes || keys.Newest(*one) {
			continue
		}
		plain, err := keys.Open("relying_party", "secret", rec.id, *one)
		if err != nil {
			return fmt.Errorf("relyingparty: secret of %s: %w", rec.id, err)
		}
		*one, older = st.Keep(AuthSecretJWT, id.RelyingParty(rec.id), string(plain)), true
	}
	if !older {
		return nil
	}
	return tx.ExecOne(`UPDATE relying_party SET secret = $1, former_secret = $2 WHERE id = $3`, rec.secret, nullBytes(rec.former), rec.id)
}
