// Package activity is what the owner of an account sees of what happened to it, and
// what they can end: the sessions that are open, one by one or all at once.
//
// Ending a session ends what services were given in it in the same transaction: codes
// that were not redeemed, access tokens, and with them the answers of userinfo.
// Everything is read from the database for each request, on every node, so it takes
// effect with the commit. Signing out in a browser (signin.SignOut) is another thing:
// there the person leaves, and a service that has a session of its own keeps it.
//
// No fresh proof is asked for here. Ending sessions protects an account: whoever has
// to act because of a stranger must not be stopped by a question, and a stranger in a
// stolen session gains nothing by it. The owner is told by mail, and signs in again.
package activity
