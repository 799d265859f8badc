package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"parvis/internal/demo/bank"
)

// announce writes the ready file and tells whoever started the demonstration what to try.
func (d *demonstration) announce() error {
	if d.ReadyFile != "" {
		if err := d.writeReady(); err != nil {
			return err
		}
	}
	addresses := [][]string{{"Sign-in service", d.issuer}}
	for _, s := range d.named() {
		addresses = append(addresses, []string{s.Name, s.URL, "(" + s.Demand + ")"})
	}
	for _, p := range d.partners() {
		addresses = append(addresses, []string{p.Name, p.URL, "(sign-in partner; let it make mistakes: " + p.URL + "/faults)"})
	}
	addresses = append(addresses, []string{"Mailbox and clock", d.issuer + "/demo/mailbox"})
	if ahead := d.clock.Ahead(); ahead > 0 {
		addresses = append(addresses, []string{"Clock", d.clock.Now().Format("2006-01-02 15:04"), "(" + ahead.String() + " ahead of this machine, as it was left in " + d.Dir + ")"})
	}
	clients := ""
	if rows := d.clients(); len(rows) > 1 {
		clients = "\n" + columns(rows)
	}
	people := [][]string{{"E-mail address", "Password", "State"}}
	for _, p := range d.people {
		people = append(people, []string{p.Email, p.Password, strings.TrimSuffix(stateText(p.State)+"; "+methodText(p), "; ")})
	}
	b := "\nThe demonstration is ready.\n\n" + columns(addresses) + clients + "\n" + columns(people) +
		"\nTry this:\n" +
		"  1. Open " + d.services[0].URL + ", choose \"Sign in\", then \"Create an account\" with any address;\n" +
		"     the activation mail is in the mailbox.\n" +
		"  2. Open " + d.services[1].URL + " with the same account: it is asked for a second factor.\n" +
		"  3. See what the account has, and its settings: " + d.issuer + "/services\n" +
		d.tryBank() +
		"Ctrl-C ends the demonstration.\n\n"
	if _, err := fmt.Fprint(d.Out, b); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// tryBank says what to try of the sign-in partner.
func (d *demonstration) tryBank() string {
	var names []string
	for _, c := range bank.Customers() {
		names = append(names, c.Name)
	}
	return "  4. Choose \"Sign-in partner\" on the sign-in page, and be a customer of the bank there: " + strings.Join(names, ", ") + ".\n" +
		"     Who has no account yet creates one without a password. Choose a fault at " + d.bankURL + "/faults and try again.\n" +
		"  5. In the settings, " + d.issuer + "/settings: add, remove or block the bank; merge the two accounts of Rose Lake.\n"
}

// columns aligns a table.
func columns(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 3, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t")) // into memory
	}
	_ = w.Flush() // into memory
	return b.String()
}

func stateText(state string) string {
	switch state {
	case statePending:
		return "not activated: its activation mail is in the mailbox, the password is chosen there"
	case stateLocked:
		return "locked after too many wrong passwords"
	case stateConnected:
		return "active, with two connected services"
	case stateSecond:
		return "active, a second account of rose.lake's, known to the first service: merge the two"
	case stateCrowded:
		return "active, in French, with as much as an account can hold"
	default:
		return state
	}
}

// methodText says what the second step of a person is, and what is needed for it.
func methodText(p Person) string {
	switch p.Method {
	case methodByApp:
		return "authenticator app, key " + p.Secret + " (its code is in the mailbox, too)"
	case methodByText:
		return "codes by text, to the mailbox"
	case methodByVoice:
		return "codes by voice call, to the mailbox"
	case methodByBackup:
		return "backup codes " + strings.Join(p.Codes, ", ")
	case methodBySeveral:
		return "app, texts and backup codes as above"
	case methodByPartner:
		c, _ := customerOf(p)
		return "linked to the bank's customer " + c.Name
	default:
		return ""
	}
}

// writeReady writes the whole file or nothing, so that a script that waits for it can read it at once.
func (d *demonstration) writeReady() error {
	text, err := json.MarshalIndent(ready{Issuer: d.issuer, Services: d.named(), People: d.people, Partners: d.partners()}, "", "  ")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(d.ReadyFile), ".ready-")
	if err != nil {
		return fmt.Errorf("demo: --ready-file: %w", err)
	}
	_, err = part.Write(append(text, '\n'))
	if closing := part.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(part.Name(), d.ReadyFile)
	}
	if err != nil {
		_ = os.Remove(part.Name()) // what is left of it
		return fmt.Errorf("demo: --ready-file: %w", err)
	}
	return nil
}
