// Package reclaim brings somebody back in who has lost every method of the second step
// and keeps their account: nothing of it, and no identifier by which services know it, is
// deleted (SP 800-63B-4, 4.2).
//
// It begins at a second step that is due, after the first step was proven lately, with a
// code by e-mail (R80). policy says what that is worth: with a first step that proves
// something else than the mailbox the methods are set aside at once; else, and after the
// owner objected lately, only after a wait, with a link. The owner is told everywhere,
// by mail and by text, when it begins, near the end of the wait, and when it is done.
// Each of these messages has a link that stops it, or brings everything back, signed out
// and by one button; opening it changes nothing.
//
// What is set aside proves nothing. What is bound meanwhile counts as two steps at most
// until the cooling-off is over (policy.Owned); then the lost methods are erased.
//
// It refuses what the mailbox alone could do, more than a few recoveries a day, and every
// recovery while a method is there that can be used instead: that is asked of the person,
// and whoever proves one ends the recovery (Found).
package reclaim
