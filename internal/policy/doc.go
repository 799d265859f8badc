// Package policy says what a sign-in still needs and what a proven sign-in is worth.
//
// A service states a Demand. A session keeps Facts: what was proven, when and
// in which journey. A Table, made from a deployment's Settings, compares the two:
// Table.Next names the one step to ask for, with the reason and the methods that
// fit, and Need.Way picks among the methods that an account has. What facts are
// worth (the acr and amr that a service is told) is computed from them and never
// stored, so that nothing can claim more than was proven (SP 800-63C-4, 2.5).
//
// The dispatcher of the journeys, the OpenID endpoints (prompt=none too) and
// later the SAML endpoints all ask here. The package is pure: no clock, no
// database. It refuses to make more of a proof than its standard allows: a code
// sent by e-mail is a second step for those who accept it and never AAL2
// (SP 800-63B-4, 3.1.3.1), and a remembered browser is no proof of AAL2.
package policy
