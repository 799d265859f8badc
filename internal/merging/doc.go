// Package merging is the journey of a person who has two accounts and wants one.
//
// Who is signed in to the account that stays, with fresh proofs, sets that session
// aside (Begin) and signs in to the other account in the same browser, by the best that
// it has. Both sessions then stand side by side, each with its own secret: one without
// the other merges nothing, and neither do two browsers, a session that has ended, or a
// link of a mail. A session is set aside for AsideFor only, by the database's clock: after
// that it is neither merged nor given back, and giving up ends it. Until then the page
// sign-in says whose it is and offers to end it, and signing out ends it always: here, by
// switching accounts, or from a service. The person sees what each account has, chooses by which identifier
// services that know both shall know them, and confirms.
//
// Confirm suspends the second account: nothing of it is deleted or sealed anew, its
// sessions and what services were given end, the chosen identifiers answer for the
// account that stays. Both addresses are told, with a link that explains and leads to the
// proof of either account. Until the time is over Undo restores everything exactly and
// revokes what was given meanwhile; then Finish moves the sign-in partners over and erases
// the second account in every package. Of undoing and finishing one wins, once.
//
// The pages of accountui and signinui call it. It refuses two mergings at once, an
// account merged with itself, and says nothing of accounts that were not proven.
package merging
