package profile

import (
	"context"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
)

// Share chooses which address a connected service is told from now on. The service learns
// it when it asks next, and nothing of the others. It wants no fresh proofs: the address
// is one that was proven. Faults: Invalid on "address" for one that the account does not
// have, NotFound for a service that is not connected, Denied when nobody is signed in.
func (j *Journey) Share(ctx context.Context, v flow.Visitor, rp id.RelyingParty, row id.Address) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		_, own, err := j.Owners.Accounts.AddressOf(tx, who.ID, row)
		if err != nil {
			return err
		}
		if !own {
			return fault.On("address", fault.Invalid, "error.address.choose")
		}
		was, err := j.Connected.Share(tx, who.ID, rp, row)
		if err == nil && !was {
			err = fault.New(fault.NotFound, "error.404")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("profile: share: %w", err)
	}
	return nil
}
