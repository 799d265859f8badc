// Package leaving is the journey of a person who leaves, and of one who has left without
// saying so.
//
// Who is signed in, with fresh proofs, asks to delete their account (Ask). From that
// moment it opens nothing: it is signed out everywhere, what services were given ends,
// and a sign-in leads to one page only, which offers to keep the account. Every proven
// address is told, with a link that keeps it without signing in; opening the link changes
// nothing. Until the waiting time is over nothing is erased, and keeping the account
// restores it exactly. It lasts at least as long as a merging into the account, or a change
// of its addresses, can be undone, and who could do that is told at the beginning, too. Then Finish erases it in every package, with what was merged into
// it. Of keeping and finishing one wins, once.
//
// The pages of accountui and signinui call it, and the composition runs its jobs. It
// refuses a request with old proofs, a second closure of one account, and to keep an
// account whose time is over.
package leaving
