// Package profile is what a person changes about themselves in the settings: the password,
// the language, the e-mail addresses, and which of them a service is told.
//
// Each change of how somebody gets in wants fresh proofs (owner.Owners.Fresh), is
// recorded, and is told by mail to every address of the account, so that whoever holds
// one of them learns of it. An address belongs to the account once a code or a link that
// was mailed to it was used by who is signed in, never before; whether somebody else has
// it is told by mail only. An address that was removed, or is no longer the main one,
// gets a link with which its reader can take that back for a while; until then no other
// account gets it.
//
// The pages of web/accountui call it; signinui lets somebody choose a new password when
// theirs is known from a leak. It refuses the removal of the main address, and an
// address too many.
package profile

import (
	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
	"parvis/internal/upstream"
)

// Journey changes profiles. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Owners    owner.Owners
	Proofs    account.Proofs
	Passwords password.Passwords
	Policy    password.Policy
	Hasher    *password.Hasher
	Links     upstream.Links
	Limiter   *ratelimit.Limiter
	Lost      lost.Requests
	Phones    phone.Phones
	Unbind    func(tx *db.Tx, a authenticator.Authenticator) error // reclaim.Journey.Unbind
	Forget    func(tx *db.Tx, unactivated id.Account) error        // lifecycle.Lifecycle.Forget
	Grants    grant.Grants
	Connected connection.Connections
	Langs     []i18n.Lang // that the deployment speaks
	Words     []string    // names of the deployment, which a password must not be
}

// tellAll mails something to every address of an account, in its language.
func (j *Journey) tellAll(tx *db.Tx, who owner.Owner, data notice.Data) error {
	all, err := j.Owners.Accounts.Addresses(tx, who.ID)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := j.send(tx, who, e.Address, data); err != nil {
			return err
		}
	}
	return nil
}

// send mails something about an account to one address, in the account's language.
func (j *Journey) send(tx *db.Tx, who owner.Owner, to account.Addr, data notice.Data) error {
	return j.Owners.Outbox.Queue(tx, notify.Message{To: to.Written, Locale: who.Locale, Account: who.ID, Data: data})
}
