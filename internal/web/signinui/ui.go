// Package signinui serves the pages of the journeys: signing in, creating an
// account, the two ways back in, the agreement to share, signing out, and the
// links of the mails.
//
// One page is one HTML file in pages/ and one Go file that fills it. A handler
// reads who is at the door (visit), decodes its form, asks the journey and
// answers 303 to the dispatcher, /signin/{flow}, or the page again with what is
// to correct (422). No rule of a journey stands here: which step is due is
// signin's answer, and a page that is out of turn leads to the dispatcher.
//
// It refuses to tell whether an address has an account: the pages show only
// what the person typed in this browser.
package signinui

import (
	"context"
	"embed"
	"net/http"
	"time"

	"parvis/internal/authenticator/password"
	"parvis/internal/departure"
	"parvis/internal/enrollment"
	"parvis/internal/leaving"
	"parvis/internal/merging"
	"parvis/internal/partnering"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

//go:embed pages
var files embed.FS

// Numbers are the figures that the pages say, from the configuration.
type Numbers struct {
	Activation  time.Duration // how long an activation link and its code work
	Removal     time.Duration // how long an account may wait for its activation
	Reset       time.Duration // how long a reset link and its code work
	Unlock      time.Duration // how long an unlock link and its code work
	Consent     time.Duration // after how long the agreement is asked again
	CodeDigits  int           // digits of a typed code
	SentDigits  int           // digits of the code of a second step that is sent
	Check       time.Duration // how long a code works that is mailed in place of the check of a form
	CheckDigits int           // digits of that code
}

// Config is what the pages stand on. Every field must be set.
type Config struct {
	Site       *kit.Site
	Visitor    *visit.Visitor
	Signin     *signin.Journey
	Enrollment *enrollment.Journey
	Recovery   *recovery.Journey
	Stepup     *stepup.Journey
	Reclaim    *reclaim.Journey
	Merging    *merging.Journey
	Leaving    *leaving.Journey
	Partnering *partnering.Journey
	Departure  *departure.Journey
	Screening  *screening.Journey
	Parties    *relyingparty.Registry
	Upstreams  *upstream.Registry
	// SAMLMetadata is our metadata for a partner that speaks SAML.
	SAMLMetadata func(*upstream.Provider) ([]byte, error)
	Policy       password.Policy // its rules are shown before typing
	Numbers      Numbers
	// Framed reports whether a browser has just left services that are told by frames; nil: none are.
	Framed func(ctx context.Context, browser []byte) (bool, error)
}

// UI serves the pages. Made by New; safe for concurrent use.
type UI struct {
	Config

	pages *kit.Pages
}

// New parses the pages; a page that names a word the catalogues lack is an error.
func New(c Config) (*UI, error) {
	pages, err := c.Site.Pages(files, "pages")
	if err != nil {
		return nil, err
	}
	return &UI{Config: c, pages: pages}, nil
}

// Routes registers every page.
func (u *UI) Routes(mux *http.ServeMux) {
	mux.Handle("GET /signin", u.Site.Handle(u.start))
	mux.Handle("GET /signin/{flow}", u.Site.Handle(u.dispatcher))

	mux.Handle("GET /signin/{flow}/sign-in", u.show(signin.StepSignIn, u.renderSignIn))
	mux.Handle("POST /signin/{flow}/sign-in", u.take(signin.StepSignIn, "sign-in", u.signIn, u.renderSignIn))
	mux.Handle("POST /signin/{flow}/sign-in/forget", u.take(signin.StepSignIn, "forget-door", u.forgetDoor, u.renderSignIn))
	mux.Handle("POST /signin/{flow}/switch", u.take(signin.StepSignIn, "switch", u.switchAccount, u.renderSignIn))

	mux.Handle("GET /signin/{flow}/create-account", u.show(signin.StepCreate, u.renderCreate))
	mux.Handle("POST /signin/{flow}/create-account", u.take(signin.StepCreate, "create-account", u.create, u.renderCreate))
	mux.Handle("GET /signin/{flow}/confirm-email", u.show(signin.StepConfirmEmail, u.renderConfirm))
	mux.Handle("POST /signin/{flow}/confirm-email", u.take(signin.StepConfirmEmail, "confirm-email", u.confirm, u.renderConfirm))
	mux.Handle("POST /signin/{flow}/confirm-email/resend", u.take(signin.StepConfirmEmail, "resend", u.resendActivation, u.renderConfirm))
	mux.Handle("GET /signin/{flow}/already-registered", u.show(signin.StepAlready, u.renderAlready))
	mux.Handle("GET /signin/{flow}/choose-password", u.show(signin.StepChoosePassword, u.renderChoose))
	mux.Handle("POST /signin/{flow}/choose-password", u.take(signin.StepChoosePassword, "choose-password", u.choose, u.renderChoose))
	mux.Handle("GET /signin/{flow}/account-activated", u.show(signin.StepReady, u.renderActivated))
	mux.Handle("GET /signin/{flow}/expired", u.show(signin.StepExpired, u.renderExpired))

	mux.Handle("GET /signin/{flow}/forgot-password", u.show(signin.StepForgot, u.renderForgot))
	mux.Handle("POST /signin/{flow}/forgot-password", u.take(signin.StepForgot, "forgot-password", u.forgot, u.renderForgot))
	mux.Handle("GET /signin/{flow}/ways-in", u.show(signin.StepWays, u.renderWays))
	mux.Handle("POST /signin/{flow}/ways-in", u.take(signin.StepWays, "ways-in", u.ways, u.renderWays))
	mux.Handle("GET /signin/{flow}/ways-sent", u.show(signin.StepWays, u.renderWaysSent))
	mux.Handle("GET /signin/{flow}/unlock", u.show(signin.StepUnlock, u.renderUnlock))
	mux.Handle("POST /signin/{flow}/unlock", u.take(signin.StepUnlock, "unlock", u.unlock, u.renderUnlock))
	mux.Handle("GET /signin/{flow}/locked", u.show(signin.StepUnlock, u.renderLocked))
	mux.Handle("GET /signin/{flow}/unlocked", u.show(signin.StepSignIn, u.renderUnlocked))
	mux.Handle("GET /signin/{flow}/check-email", u.show(signin.StepCheckEmail, u.renderCheck))
	mux.Handle("POST /signin/{flow}/check-email", u.take(signin.StepCheckEmail, "check-email", u.check, u.renderCheck))
	mux.Handle("POST /signin/{flow}/check-email/resend", u.take(signin.StepCheckEmail, "resend", u.resendRecovery, u.renderCheck))
	mux.Handle("GET /signin/{flow}/reset-password", u.show(signin.StepChoosePassword, u.renderReset))
	mux.Handle("POST /signin/{flow}/reset-password", u.take(signin.StepChoosePassword, "reset-password", u.reset, u.renderReset))

	u.partnerRoutes(mux)
	u.secondRoutes(mux)
	u.lostRoutes(mux)
	u.mergedRoutes(mux)
	u.closingRoutes(mux)

	mux.Handle("GET /signin/{flow}/continue", u.show(signin.StepContinue, u.renderContinue))
	mux.Handle("POST /signin/{flow}/continue", u.take(signin.StepContinue, "continue-as", u.continueAs, u.renderContinue))
	mux.Handle("GET /signin/{flow}/consent", u.show(signin.StepConsent, u.renderConsent))
	mux.Handle("POST /signin/{flow}/consent", u.take(signin.StepConsent, "consent", u.consent, u.renderConsent))
	mux.Handle("GET /signin/{flow}/cancelled", u.show(signin.StepCancelled, u.renderCancelled))
	mux.Handle("POST /signin/{flow}/cancelled", u.take(signin.StepCancelled, "cancelled", u.resume, u.renderCancelled))
	mux.Handle("GET /signin/{flow}/sign-out", u.show(signin.StepSignOut, u.renderSignOut))
	mux.Handle("POST /signin/{flow}/sign-out", u.take(signin.StepSignOut, "sign-out", u.signOut, u.renderSignOut))
	mux.Handle("GET /signed-out", u.Site.Handle(u.signedOut))
	mux.Handle("GET /partner/{partner}/signed-out", u.Site.Handle(u.signedOutThere))

	mux.Handle("GET /link/{token}", u.Site.Handle(u.openLink))
	mux.Handle("POST /link/{token}", u.Site.Handle(u.confirmLink))
	mux.Handle("POST /link/{token}/resend", u.Site.Handle(u.resendLink))
	mux.Handle("GET /link/{token}/sent", u.Site.Handle(u.linkSent))
	mux.Handle("GET /logo/{service}", u.Site.Handle(u.logo))
}

// secondRoutes registers the pages of the second step.
func (u *UI) secondRoutes(mux *http.ServeMux) {
	mux.Handle("GET /signin/{flow}/second-step", u.show(signin.StepSecond, u.renderSecond))
	mux.Handle("POST /signin/{flow}/second-step", u.take(signin.StepSecond, "second-step", u.prove, u.renderSecond))
	mux.Handle("POST /signin/{flow}/second-step/send", u.take(signin.StepSecond, "second-step", u.sendSecond, u.renderSecond))
	mux.Handle("POST /signin/{flow}/second-step/switch", u.take(signin.StepSecond, "switch", u.switchAccount, u.renderSecond))
	mux.Handle("GET /signin/{flow}/another-way", u.show(signin.StepOtherWay, u.renderOtherWay))
	mux.Handle("POST /signin/{flow}/another-way", u.take(signin.StepOtherWay, "another-way", u.chooseWay, u.renderOtherWay))

	mux.Handle("GET /signin/{flow}/set-up-method", u.show(signin.StepSetUp, u.renderSetUp))
	mux.Handle("POST /signin/{flow}/set-up-method", u.take(signin.StepSetUp, "set-up-method", u.setUp, u.renderSetUp))
	mux.Handle("POST /signin/{flow}/set-up-method/not-now", u.take(signin.StepSetUp, "not-now", u.notNow, u.renderSetUp))
	mux.Handle("GET /signin/{flow}/help-me-choose", u.show(signin.StepHelpChoose, u.renderHelp))
	mux.Handle("GET /signin/{flow}/backup-reminder", u.show(signin.StepRemind, u.renderRemind))
	mux.Handle("POST /signin/{flow}/backup-reminder", u.take(signin.StepRemind, "backup-reminder", u.remind, u.renderRemind))
	mux.Handle("GET /signin/{flow}/set-up-another", u.show(signin.StepAnother, u.renderAnother))
	mux.Handle("POST /signin/{flow}/set-up-another", u.take(signin.StepAnother, "set-up-another", u.another, u.renderAnother))

	mux.Handle("GET /signin/{flow}/set-up-app", u.show(signin.StepSetUpApp, u.renderApp))
	mux.Handle("POST /signin/{flow}/set-up-app", u.take(signin.StepSetUpApp, "set-up-app", u.bindApp, u.renderApp))
	mux.Handle("POST /signin/{flow}/set-up-app/back", u.take(signin.StepSetUpApp, "back", u.leaveSetUp, u.renderApp))
	mux.Handle("GET /signin/{flow}/set-up-phone", u.show(signin.StepSetUpPhone, u.renderPhone))
	mux.Handle("POST /signin/{flow}/set-up-phone", u.take(signin.StepSetUpPhone, "set-up-phone", u.phone, u.renderPhone))
	mux.Handle("POST /signin/{flow}/set-up-phone/back", u.take(signin.StepSetUpPhone, "back", u.leaveSetUp, u.renderPhone))
	mux.Handle("GET /signin/{flow}/confirm-phone", u.show(signin.StepConfirmPhone, u.renderConfirmPhone))
	mux.Handle("POST /signin/{flow}/confirm-phone", u.take(signin.StepConfirmPhone, "confirm-phone", u.bindPhone, u.renderConfirmPhone))
	mux.Handle("POST /signin/{flow}/confirm-phone/send", u.take(signin.StepConfirmPhone, "confirm-phone", u.sendPhone, u.renderConfirmPhone))
	mux.Handle("POST /signin/{flow}/confirm-phone/back", u.take(signin.StepConfirmPhone, "back", u.leaveSetUp, u.renderConfirmPhone))
	mux.Handle("GET /signin/{flow}/set-up-backup", u.show(signin.StepSetUpBackup, u.renderBackup))
	mux.Handle("GET /signin/{flow}/set-up-backup/codes.txt", u.show(signin.StepSetUpBackup, u.downloadBackup))
	mux.Handle("POST /signin/{flow}/set-up-backup", u.take(signin.StepSetUpBackup, "set-up-backup", u.bindBackup, u.renderBackup))
	mux.Handle("POST /signin/{flow}/set-up-backup/back", u.take(signin.StepSetUpBackup, "back", u.leaveSetUp, u.renderBackup))
}
