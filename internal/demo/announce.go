package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// announce writes the ready file and tells whoever started the demonstration what to try.
func (d *demonstration) announce() error {
	if d.ReadyFile != "" {
		if err := d.writeReady(); err != nil {
			return err
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 3, ' ', 0)
	fmt.Fprintf(w, "\nThe demonstration is ready.\n\n")
	fmt.Fprintf(w, "  Sign-in service\t%s\n", d.issuer)
	for _, s := range d.named() {
		fmt.Fprintf(w, "  %s\t%s\t(%s)\n", s.Name, s.URL, s.Demand)
	}
	fmt.Fprintf(w, "  Mailbox and clock\t%s/demo/mailbox\n\n", d.issuer)
	_ = w.Flush() // into memory
	fmt.Fprintf(w, "  E-mail address\tPassword\tState\n")
	for _, p := range d.people {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", p.Email, p.Password, stateText(p.State))
	}
	_ = w.Flush() // into memory
	b.WriteString("\nTry this: open " + d.services[0].URL + ", choose \"Sign in\", then \"Create an account\" with any\n" +
		"address; the activation mail is in the mailbox. Ctrl-C ends the demonstration.\n\n")
	if _, err := fmt.Fprint(d.Out, b.String()); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

func stateText(state string) string {
	switch state {
	case "pending":
		return "not activated: its activation mail is in the mailbox, the password is chosen there"
	case "locked":
		return "locked after too many wrong passwords"
	case "connected":
		return "active, with two connected services"
	default:
		return state
	}
}

// writeReady writes the whole file or nothing, so that a script that waits for it can read it at once.
func (d *demonstration) writeReady() error {
	text, err := json.MarshalIndent(ready{Issuer: d.issuer, Services: d.named(), People: d.people}, "", "  ")
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
