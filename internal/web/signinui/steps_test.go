package signinui_test

import (
	"fmt"
	"net/http"
	"testing"

	"parvis/internal/web/webtest"
)

// counted are the words of a step caption in a language.
func counted(language string, step, of int) string {
	if language == "fr-CA" {
		return fmt.Sprintf("Étape %d de %d", step, of)
	}
	return fmt.Sprintf("Step %d of %d", step, of)
}

// stepWord begins every caption of a language.
func stepWord(language string) string { return counted(language, 1, 1)[:4] }

func TestCreatingAnAccountForAServiceHasThreeStepsAndTheAgreementIsTheLast(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK).MustNotSay(stepWord(language))
		p.Follow("create-account-link").MustSay(counted(language, 1, 3))
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK).MustSay(counted(language, 1, 3))
		p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK).MustSay(counted(language, 2, 3))
		p.Submit("choose-password", "password", good).Must("consent", http.StatusOK).MustSay(counted(language, 3, 3))

		flow := p.Page.URL
		p.Open("/signout")
		p.Submit("sign-out").Must("signed-out", http.StatusOK)
		p.Open(flow).Must("sign-in", http.StatusOK)
		signIn(p, good).Must("consent", http.StatusOK).MustNotSay(stepWord(language))
	})
}

func TestCreatingAnAccountWithoutAServiceHasTwoSteps(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open("/signin").Must("sign-in", http.StatusOK)
		p.Follow("create-account-link").MustSay(counted(language, 1, 2))
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK).MustSay(counted(language, 1, 2))
		p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK).MustSay(counted(language, 2, 2))
		p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)

		// Who has an account creates none: a service's question is not a step of it.
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK).MustNotSay(stepWord(language))
	})
}

func TestALinkOpenedElsewhereCountsTheStepsThatAreLeftThere(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		ask(h.Person(language), webtest.Authorize(webtest.Aid))
		p := h.Person(language)
		p.Open(h.Link(email)).Must("confirm-link", http.StatusOK)
		p.Submit("confirm-link").Must("choose-password", http.StatusOK).MustSay(counted(language, 2, 2))
		p.Submit("choose-password", "password", good).Must("account-activated", http.StatusOK).MustNotSay(stepWord(language))
	})
}
