// Package unused is the journey of accounts that nobody uses any more.
//
// Who has not signed in for long is told by mail, at every confirmed address, that the
// account will be removed, and once more shortly before. A sign-in keeps the account; so
// does a link of the mails, for who cannot sign in now: opening it changes nothing, a
// button does. Then the account is erased as its owner's own wish would erase it.
//
// Nothing is removed by the calendar alone. A warning counts from when the mail server took
// it over, whatever the settings, the clock or a job that was down say of the last use;
// the day that was told is kept; and the removal waits while something of the owner is open. Who holds a verified identity is never removed (Verified).
//
// The composition runs its job, accountui shows the page of the link, and an operator can
// ask what will happen (Look). It refuses a link that was used, or whose account is gone.
package unused
