package flow

import (
	"log/slog"
	"time"

	"parvis/internal/id"
)

// Task is the branch of the journey a person is on: signing in, or one of its detours.
type Task string

// The tasks. The zero value is signing in.
const (
	TaskSignIn Task = ""       // prove who you are
	TaskCreate Task = "create" // make an account
	TaskReset  Task = "reset"  // choose a new password
	TaskUnlock Task = "unlock" // lift the lock of the password
)

// Notice is one thing a page tells a person who has just come back from a detour.
type Notice string

// The notices. The zero value says nothing.
const (
	NoticeReset    Notice = "password-changed" // a new password was chosen; sign in with it
	NoticeUnlocked Notice = "unlocked"         // the password works again
	NoticeLocked   Notice = "locked"           // too many wrong passwords: unlock first
	NoticeLinkOld  Notice = "link-ended"       // the link or code was used or replaced; ask for another
	NoticeClosed   Notice = "account-closed"   // the account that a sign-in partner opened has just been closed
	NoticeAgain    Notice = "again"            // the page was open for too long, and starts afresh
)

// Progress is what has happened in a journey so far. It holds facts only; which
// step comes next is named by signin.Next. Going back clears the facts of later
// steps: see Restart. Instants are Unix milliseconds.
type Progress struct {
	Task     Task       `json:"task,omitempty"`     // the branch that is under way
	Address  string     `json:"address,omitempty"`  // address as typed on this branch
	Proof    id.Proof   `json:"proof,omitempty"`    // message last sent; its code may be typed here
	SentAt   int64      `json:"sentAt,omitempty"`   // when it was sent
	Ends     int64      `json:"ends,omitempty"`     // until when its link and code can be used
	Sends    int        `json:"sends,omitempty"`    // how many were sent on this branch
	Proven   id.Account `json:"proven,omitempty"`   // account whose address was proven in this browser for the task
	ProvenAt int64      `json:"provenAt,omitempty"` // when it was proven
	Taken    bool       `json:"taken,omitempty"`    // the proven address belongs to an active account already
	Notice   Notice     `json:"notice,omitempty"`   // what the next page tells

	Second  Second  `json:"second,omitzero"`  // the second step
	Partner Partner `json:"partner,omitzero"` // the sign-in at a partner

	Account   id.Account `json:"account,omitempty"`   // who signed in on this flow
	Session   id.Session `json:"session,omitempty"`   // the session that came of it
	Confirmed id.Session `json:"confirmed,omitempty"` // session the person chose to continue with (prompt=select_account)
	Created   bool       `json:"created,omitempty"`   // Account was activated on this flow, by choosing its first password
	Consented int64      `json:"consented,omitempty"` // when consent was given on this flow
	Consenter id.Account `json:"consenter,omitempty"` // whose consent it was: it stands for nobody else
	Detached  bool       `json:"detached,omitempty"`  // begun by a link of another browser: ends on a page, never at Finish
	Added     bool       `json:"added,omitempty"`     // the sign-in partner was added to the account
	Cancelled bool       `json:"cancelled,omitempty"` // declined or given up: leads back to the service
}

// Restart begins a branch and clears the facts of every later step. The address
// stays as a suggestion, and who somebody is at a sign-in partner to be linked at the
// end; who signed in here and what was agreed to do not.
func (p Progress) Restart(task Task, address string) Progress {
	return Progress{Task: task, Address: address, Detached: p.Detached, Partner: p.Partner.Left()}
}

// Agreed reports whether the owner of an account gave their consent on this flow. Another
// person can come after them in the same browser.
func (p Progress) Agreed(who id.Account) bool { return p.Consented != 0 && p.Consenter == who }

// Sent notes the message whose answer is waited for.
func (p *Progress) Sent(proof id.Proof, at time.Time, lasts time.Duration) {
	p.Proof, p.SentAt, p.Ends = proof, at.UnixMilli(), at.Add(lasts).UnixMilli()
}

// LogValue keeps addresses out of the log.
func (p Progress) LogValue() slog.Value { return slog.StringValue("progress:" + string(p.Task)) }

// Cookies are the secrets a browser is given when a person has signed in. An
// empty one is left as it is.
type Cookies struct {
	Session     string        // token of the new session; any older one is dead
	Device      string        // token of the known device, "" when the browser keeps the one it has
	DeviceLasts time.Duration // how long the known device is remembered

	Door    string          // by which door somebody came in: policy.DoorPassword or a sign-in partner; "" leaves what the browser remembers
	Service id.RelyingParty // the service that waits, "" for a direct sign-in
}

// LogValue keeps the secrets out of the log.
func (Cookies) LogValue() slog.Value { return slog.StringValue("cookies") }
