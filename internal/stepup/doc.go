// Package stepup is the journey of the second step: proving a method beside the
// password, setting methods up, and what the owner of an account does with them
// afterwards.
//
// In a flow, flow.State.Turn says what is due; everything here that is out of turn
// changes nothing (flow.OutOfTurn). A proof becomes a fact of the browser's session,
// which gets a new token with it. A method is set up only after the account's best
// other proof, or a code by e-mail when there is none, and becomes one when its
// first code was right. Outside a flow, in the settings, a change wants proofs
// within the deployment's window: else it is refused with owner.Reauthenticate, and
// the pages begin a flow that asks for them and comes back.
//
// What is refused here: a code that was sent for another flow, account, method or
// purpose; the same code twice, on whatever node; guesses beyond the counters,
// which are raised before each comparison; and every hint at what somebody who has
// not proven the password yet could use.
package stepup
