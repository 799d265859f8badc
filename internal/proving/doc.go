// Package proving is the proof of an address by a mailed link or by its typed
// code, as a journey asks for it: who may ask, how often, in which flow the
// answer goes on, and what is noted of it. What a proof does to an account is the
// journey's to say (Proving.Give).
//
// A link is used by the button of its page, never by opening it. In the browser
// that asked for it the flow there goes on; in another one a new flow begins that
// knows the service, and the first browser learns nothing. A try of a code is
// counted before it is compared, and a new mail gives an address no more tries
// than it has. Links and codes are used once: one conditional statement, one winner.
//
// It stands in layer 4 and belongs to account, which owns the table of the proofs,
// as an authenticator type belongs to authenticator. Higher is not possible: the
// journeys share it, and none of them may import another. Lower is not
// possible either: it needs account. Therefore it knows no other domain; whether a
// flow still asks who the person is depends on the session, and the journey tells.
package proving
