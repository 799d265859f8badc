// Package enrollment is the journey that makes an account.
//
// The address comes first and is proven by a mailed link or its code; only then
// is a password chosen, in the browser that gave the proof, and only with it the
// account becomes active. The answer to an address is the same whether or not it
// is known; the mail differs. A link opened in another browser goes on there, in
// a flow of its own, and never moves the first browser.
package enrollment
