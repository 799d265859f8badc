// Package signin is the journey from "who are you?" to the waiting service.
//
// It owns the dispatcher's rule (Next: from facts to the one step that is due),
// signing in with a password, the choice to continue as somebody, the agreement
// to share, and what a signed-in person does with a session: My connected
// services, disconnect, extend, sign out. The pages call it with a flow.Visitor
// and know no rule; it calls the domains, each with the same transaction.
//
// Steps know the dispatcher and never each other. What is refused here: a step
// out of turn (the answer is the dispatcher's address), a wrong password beyond
// the limits, and anything that would tell whether an address has an account:
// the outcomes, the number of hashes and the number of statements are the same.
package signin
