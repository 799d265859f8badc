package grant

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Cause says why a code or token gave nothing, for the operator's log only: no
// answer may tell these apart (RFC 6749, 5.2; RFC 6750, 3.1).
type Cause string

// The causes.
const (
	CodeUnknown     Cause = "code_unknown"         // there is no such code, or it ended more than a day ago
	CodeExpired     Cause = "code_expired"         // it came too late
	CodeOfOther     Cause = "code_of_other_client" // it was given to another client
	CodeOfGrant     Cause = "code_of_other_grant"  // it was given for another grant_type
	CodeReused      Cause = "code_reused"          // it was redeemed before; what it gave is revoked
	CodeRevoked     Cause = "code_revoked"         // it was revoked or spent before
	RedirectDiffers Cause = "redirect_uri_differs" // from that of the authorization request
	VerifierMissing Cause = "verifier_missing"     // the authorization request had a challenge
	VerifierUnasked Cause = "verifier_unasked"     // the authorization request had no challenge
	KeyDiffers      Cause = "dpop_key_differs"     // the code is bound to another key, or the request proved none
	ProofReplayed   Cause = "dpop_replayed"        // the proof of possession was used before
	VerifierWrong   Cause = "verifier_wrong"       // it does not fit the challenge
	TokenUnknown    Cause = "token_unknown"        // there is no such token, or it ended more than a day ago
	TokenExpired    Cause = "token_expired"        // it is over
	TokenRevoked    Cause = "token_revoked"        // what it came of was revoked
	RefreshUnknown  Cause = "refresh_unknown"      // there is no such refresh token, or it ended more than a day ago, or was replaced
	RefreshExpired  Cause = "refresh_expired"      // it was not used for too long, or its family is over
	RefreshOfOther  Cause = "refresh_of_other_client"
	ScopesTaken     Cause = "scopes_taken"    // its service may ask for none of its scopes any more
	RefreshReused   Cause = "refresh_reused"  // it was replaced before; its family is revoked
	RefreshRevoked  Cause = "refresh_revoked" // its family was revoked
)

// why explains a code that could not be redeemed. It decides nothing.
func why(tx *db.Tx, r Redemption) (Cause, error) {
	var party, redirect string
	var redeemed, revoked time.Time
	row := tx.QueryRow(`SELECT relying_party, redirect_uri, redeemed_at, revoked_at FROM authorization_grant WHERE code_digest = $1`, secret.Digest(r.Code))
	err := row.Scan(&party, &redirect, db.NullTime(&redeemed), db.NullTime(&revoked))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return CodeUnknown, nil
	case err != nil:
		return "", fmt.Errorf("grant: why: %w", err)
	case party != string(r.RelyingParty):
		return CodeOfOther, nil
	case r.Waited != (redirect == ""):
		return CodeOfGrant, nil
	case !redeemed.IsZero():
		return CodeReused, nil
	case !revoked.IsZero():
		return CodeRevoked, nil
	default:
		return CodeExpired, nil
	}
}

// WhyNot explains an access token that FindToken or FindDigest does not find: the cause, and
// whose it was when it is known.
func (g Grants) WhyNot(tx *db.Tx, digest []byte) (Cause, id.RelyingParty, error) {
	var party string
	var revoked time.Time
	row := tx.QueryRow(`SELECT g.relying_party, g.revoked_at FROM access_token t JOIN authorization_grant g ON g.id = t.grant_id
		WHERE t.digest = $1`, digest)
	err := row.Scan(&party, db.NullTime(&revoked))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return TokenUnknown, "", nil
	case err != nil:
		return "", "", fmt.Errorf("grant: why not: %w", err)
	case !revoked.IsZero():
		return TokenRevoked, id.RelyingParty(party), nil
	default:
		return TokenExpired, id.RelyingParty(party), nil
	}
}
