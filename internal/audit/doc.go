// Package audit records security events in the transaction of what they record.
//
// Log.Record inserts an event. Personal fields (IP address, browser, e-mail
// address) are sealed in columns of their own, beside a random salt; the event
// itself holds only the salted digest of them. Log.Chain, run each second by one
// leased job, numbers committed events and links each to the one before by
// SHA-256; Log.Checkpoint signs the newest link with a key of the deployment.
// So an event cannot be changed, inserted or left out later without Verify
// noticing it, while erasing personal fields (and their salt) leaves the chain whole.
//
// Events are named in names.go; docs/events.md is generated from it. Events
// carry no secrets and, outside Personal, nothing that tells who someone is.
package audit

//go:generate go test . -run TestTheListOfEvents -update
