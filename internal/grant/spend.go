package grant

import (
	"parvis/internal/db"
	"parvis/internal/id"
)

// Spend notes the assertion and the proof of a request that is given nothing yet, so that
// they are good for that one only. The outcome is Replayed for one that was used before,
// else "". Run it in DB.WriteStatement.
func (g Grants) Spend(tx *db.Tx, rp id.RelyingParty, a *Assertion, p *Proof) (Result, error) {
	refused, err := g.used(tx, rp, a, p)
	return deref(refused), err
}
