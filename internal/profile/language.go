package profile

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/owner"
)

// Language keeps in which language the pages and mails of the account are. It wants no
// fresh proofs: it opens nothing. Fault Invalid on "language" for one that the deployment
// does not speak, Denied when nobody is signed in.
func (j *Journey) Language(ctx context.Context, v flow.Visitor, lang i18n.Lang) error {
	if !slices.Contains(j.Langs, lang) {
		return fault.On("language", fault.Invalid, "error.language")
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil || who.Locale == string(lang) {
			return err
		}
		if err := j.Owners.Accounts.SetLocale(tx, who.ID, string(lang)); err != nil {
			return err
		}
		return j.Owners.Audit.Record(tx, owner.Event(audit.AccountLocaleChanged, v, who))
	})
	if err != nil {
		return fmt.Errorf("profile: language: %w", err)
	}
	return nil
}
