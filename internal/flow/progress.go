package flow

import (
	"log/slog"

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

// Progress is what has happened in a journey so far. It holds facts only; which
// step comes next is named by signin.Next. Going back clears the facts of later
// steps: see Restart.
type Progress struct {
	Task     Task       `json:"task,omitempty"`     // the branch that is under way
	Address  string     `json:"address,omitempty"`  // address as typed on this branch
	Proof    id.Proof   `json:"proof,omitempty"`    // message last sent; its code may be typed here
	SentAt   int64      `json:"sent_at,omitempty"`  // when it was sent, Unix ms
	Sends    int        `json:"sends,omitempty"`    // how many were sent on this branch
	Proven   id.Account `json:"proven,omitempty"`   // account whose address was proven in this browser for the task
	ProvenAt int64      `json:"provenAt,omitempty"` // when, Unix ms
	Taken    bool       `json:"taken,omitempty"`    // the proven address has an account already
	Done     bool       `json:"done,omitempty"`     // the task ended well: what follows is a page that says so
	Locked   string     `json:"locked,omitempty"`   // address (as typed) whose password route was found locked

	Account   id.Account `json:"account,omitempty"`   // who signed in on this flow
	Session   id.Session `json:"session,omitempty"`   // the session that came of it
	Confirmed id.Session `json:"confirmed,omitempty"` // session the person chose to continue with (prompt=select_account)
	Consented int64      `json:"consented,omitempty"` // when consent was given on this flow, Unix ms
	Detached  bool       `json:"detached,omitempty"`  // begun by a link of another browser: ends on a page, never at Finish
	Cancelled bool       `json:"cancelled,omitempty"` // declined or given up; leads back to the service
}

// Restart begins a branch and clears the facts of every later step. The address
// stays as a suggestion; who signed in and what was consented do not.
func (p Progress) Restart(task Task, address string) Progress {
	return Progress{Task: task, Address: address, Detached: p.Detached}
}

// LogValue keeps addresses out of the log.
func (p Progress) LogValue() slog.Value { return slog.StringValue("progress of " + string(p.Task)) }
