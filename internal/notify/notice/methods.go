package notice

import "time"

// The messages about the second step and the methods of an account.
const (
	KindOneTimeCode       Kind = "one-time-code"
	KindMethodAdded       Kind = "method-added"
	KindMethodRemoved     Kind = "method-removed"
	KindMethodWaits       Kind = "method-waits"
	KindMethodDisabled    Kind = "method-disabled"
	KindBackupCodesMade   Kind = "backup-codes-made"
	KindBackupCodeUsed    Kind = "backup-code-used"
	KindBackupCodesUsedUp Kind = "backup-codes-used-up"
	KindBrowserRemembered Kind = "browser-remembered"
)

// Purpose says what a one-time code is for.
type Purpose string

// The purposes of one-time codes.
const (
	PurposeSignIn Purpose = "sign-in" // the second step of signing in
	PurposeSetUp  Purpose = "set-up"  // proves that messages arrive where they are wanted
	PurposeLost   Purpose = "lost"    // getting back in after every method was lost
	PurposeCheck  Purpose = "check"   // a person reads the mailbox: in place of a check of the browser
	PurposeChange Purpose = "change"  // signing in again, before something in the account is changed
)

// OneTimeCode brings a code to type. It is the one message that Text and Voice carry, too;
// there the text ends with the line that binds the code to our site.
type OneTimeCode struct {
	Purpose Purpose // zero value: PurposeSignIn
	Service Service
	Code    string        // digits
	Valid   time.Duration // how long it works, counted from Asked.At
	Asked   Asked
}

// Kind is KindOneTimeCode.
func (OneTimeCode) Kind() Kind { return KindOneTimeCode }

// Method is a way to prove who one is, as mails name it.
type Method string

// The methods.
const (
	MethodTOTP        Method = "totp"
	MethodPasskey     Method = "passkey"
	MethodSecurityKey Method = "security-key"
	MethodPhone       Method = "phone"
	MethodEmail       Method = "email"
	MethodBackupCodes Method = "backup-codes"
	MethodOther       Method = "other"
)

// named is a key with the method at its end.
func (m Method) named(key string) string {
	switch m {
	case MethodTOTP, MethodPasskey, MethodSecurityKey, MethodPhone, MethodEmail, MethodBackupCodes:
		return key + "." + string(m)
	default:
		return key + "." + string(MethodOther)
	}
}

// MethodAdded tells the owner about a new method.
type MethodAdded struct {
	Method Method
	Name   string // as the owner calls it, or the end of a number ("•• 42"); "" when it has none
	Asked  Asked
}

// Kind is KindMethodAdded.
func (MethodAdded) Kind() Kind { return KindMethodAdded }

// MethodRemoved tells the owner that a method is gone. A new name for a method is not told.
type MethodRemoved struct {
	Method     Method
	Name       string // as in MethodAdded
	ByOperator bool   // staff removed it; else somebody on the account's own pages
	Asked      Asked
}

// Kind is KindMethodRemoved.
func (MethodRemoved) Kind() Kind { return KindMethodRemoved }

// MethodWaits tells the owner that a method takes no codes for a while, because too many
// wrong ones were entered: whoever did that got past the first step, and may be guessing
// with a password that is not theirs.
type MethodWaits struct {
	Method   Method
	Name     string        // as in MethodAdded
	Failures int           // wrong codes that made it wait
	Wait     time.Duration // how long, counted from Asked.At
	Asked    Asked
}

// Kind is KindMethodWaits.
func (MethodWaits) Kind() Kind { return KindMethodWaits }

// MethodDisabled tells the owner that a method was switched off because of too many wrong
// codes in a row (NIST SP 800-63B-4, 3.2.2).
type MethodDisabled struct {
	Method   Method
	Name     string // as in MethodAdded
	Failures int    // consecutive wrong codes that switched it off
	Asked    Asked
}

// Kind is KindMethodDisabled.
func (MethodDisabled) Kind() Kind { return KindMethodDisabled }

// BackupCodesMade tells the owner about new backup codes. It holds none of them.
type BackupCodesMade struct {
	Count    int
	Replaced bool // there were others before, which no longer work
	Asked    Asked
}

// Kind is KindBackupCodesMade.
func (BackupCodesMade) Kind() Kind { return KindBackupCodesMade }

// BackupCodeUsed tells the owner that one of the backup codes was spent, while others are left.
type BackupCodeUsed struct {
	Service Service
	Left    int // at least one; else BackupCodesUsedUp
	Asked   Asked
}

// Kind is KindBackupCodeUsed.
func (BackupCodeUsed) Kind() Kind { return KindBackupCodeUsed }

// BackupCodesUsedUp tells the owner that the last backup code was spent.
type BackupCodesUsedUp struct {
	Service Service
	Asked   Asked
}

// Kind is KindBackupCodesUsedUp.
func (BackupCodesUsedUp) Kind() Kind { return KindBackupCodesUsedUp }

// BrowserRemembered tells the owner that a browser is not asked for the second step for a while.
type BrowserRemembered struct {
	Valid time.Duration
	Asked Asked
}

// Kind is KindBrowserRemembered.
func (BrowserRemembered) Kind() Kind { return KindBrowserRemembered }

func (d OneTimeCode) compose(w *writer) {
	w.open("code", "duration", w.tr.Duration(d.Valid))
	switch d.Purpose {
	case PurposeSetUp:
		w.say("code.why.set-up")
	case PurposeChange:
		w.say("code.why.change")
	case PurposeLost:
		w.say("code.why.lost")
	case PurposeCheck:
		w.say("code.why.check")
		w.code("code.type", d.Code)
		w.valid("code.valid", d.Asked.At, d.Valid)
		w.aside("notasked.title", "code.ignore-check")
		w.asked("asked", d.Asked)
		return
	default:
		w.named("code.why", d.Service)
	}
	w.code("code.type", d.Code)
	w.valid("code.valid", d.Asked.At, d.Valid)
	w.steps("notyou.password", "notyou.contact")
	w.asked("asked", d.Asked)
}

func (d MethodAdded) compose(w *writer) {
	w.open("added")
	w.say(d.Method.named("added.what"))
	w.method(d.Name, d.Asked)
	w.say("added.you")
	w.steps("notyou.password", "notyou.remove", "notyou.contact")
}

func (d MethodRemoved) compose(w *writer) {
	w.open("taken")
	if d.ByOperator {
		w.say("taken.operator")
	}
	w.say(d.Method.named("taken.what"))
	w.method(d.Name, d.Asked)
	if d.ByOperator {
		w.aside("unexpected.title", "unexpected.contact")
		return
	}
	w.say("taken.you")
	w.steps("notyou.password", "notyou.mailbox", "notyou.contact")
}

func (d MethodWaits) compose(w *writer) {
	w.open("waits")
	w.say("waits.why", "count", d.Failures)
	w.say(d.Method.named("waits.what"))
	w.method(d.Name, d.Asked)
	key, args := w.until("waits.until", d.Asked.At, d.Wait)
	w.say(key, args...)
	w.say("waits.how")
	w.steps("notyou.password-now", "notyou.contact")
}

func (d MethodDisabled) compose(w *writer) {
	w.open("disabled")
	w.say("disabled.why", "count", d.Failures)
	w.say(d.Method.named("disabled.what"))
	w.method(d.Name, d.Asked)
	w.say("disabled.how")
	w.steps("notyou.password", "notyou.contact")
}

func (d BackupCodesMade) compose(w *writer) {
	w.open("codes")
	w.say("codes.what", "count", d.Count)
	if d.Replaced {
		w.say("codes.replaced")
	}
	w.say("codes.keep")
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d BackupCodeUsed) compose(w *writer) {
	w.open("used")
	w.named("used.what", d.Service)
	w.facts(d.Asked)
	w.say("used.left", "count", d.Left)
	w.button("button.methods", pathMethods)
	w.steps("notyou.password", "notyou.codes", "notyou.contact")
}

func (d BackupCodesUsedUp) compose(w *writer) {
	w.open("usedup")
	w.named("usedup.what", d.Service)
	w.facts(d.Asked)
	w.say("usedup.how")
	w.button("button.methods", pathMethods)
	w.steps("notyou.password", "notyou.codes", "notyou.contact")
}

func (d BrowserRemembered) compose(w *writer) {
	w.open("remembered", "duration", w.tr.Duration(d.Valid))
	w.say("remembered.what", "duration", w.tr.Duration(d.Valid))
	w.facts(d.Asked)
	w.say("remembered.forget")
	w.steps("notyou.password", "notyou.contact")
}

// method adds a method's name, and when and with what something was done to it, as labelled lines.
func (w *writer) method(name string, a Asked) {
	w.facts(a)
	if name = clean(name); name != "" {
		last := &w.out.Body[len(w.out.Body)-1]
		last.Facts = append([]fact{{Name: w.t("fact.method"), Value: name}}, last.Facts...)
	}
}
