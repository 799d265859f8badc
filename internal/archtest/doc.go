// Package archtest holds the rules of the tree as ordinary tests.
//
// It reads the sources with go/parser, never by running the go command (a test
// that shells out is cached wrongly), and says for each breach which rule it is
// and where the rule is written. The rules stand in docs/architecture.md; a rule
// is changed by an ADR together with the test that guards it.
package archtest
