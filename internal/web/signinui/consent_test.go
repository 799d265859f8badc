package signinui

import (
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/oidc/claim"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// A number is read in groups, in one line, with the signs that screen readers know.
func TestATelephoneNumberIsSharedInGroups(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"+14165550134": "+1\u00a0416-555-0134", "+33612345678": "+33\u00a06\u00a012\u00a034\u00a056\u00a078", "": texts.Tr(i18n.English).T("consent.value.none"),
	} {
		if got := claimValue(texts.Tr(i18n.English), kit.Times{}, signin.SharedItem{Attribute: claim.PhoneNumber, Value: value}); got != want {
			t.Errorf("%q is shown as %q, want %q", value, got, want)
		}
	}
}
