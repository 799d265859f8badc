package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/app"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/notify/notice"
)

// office is a configured deployment with one active and one pending account.
type office struct {
	config          string
	active, pending account.Account
}

const (
	activeAddress  = "sam.rivers@example.org"
	pendingAddress = "noor.forest@example.org"
)

func newOffice(t *testing.T) office {
	t.Helper()
	dir := t.TempDir()
	if _, err := config.Init(config.First{Dir: dir, Data: dir, Preset: "parvis"}); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
server: {public_url: "https://sign-in.example.org", listen: "127.0.0.1:8443", proxy: {trusted: [127.0.0.1]}}
database: {url: "sqlite:%[1]s/parvis.db"}
keys: {root_files: [%[1]s/root.key], pepper_files: ["%[1]s/pepper.key"]}
deployment: {owner: {en: Northland, fr: Northland}}
public: {contact_desk: desk@example.org}
mail: {from: noreply@example.org, server: {host: mail.example.org}}
`, dir)
	o := office{config: filepath.Join(dir, "parvis.yaml")}
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.run(t, 0, "migrate", "up")
	o.open(t, func(h *app.House) {
		verifier, err := h.Hasher.Hash(t.Context(), "paper lantern over the river 7")
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			for _, address := range []string{activeAddress, pendingAddress} {
				addr, err := account.ParseAddress(address)
				if err != nil {
					return err
				}
				a, _, err := h.Accounts.CreatePending(tx, account.NewDraft(addr, "en"))
				if err != nil {
					return err
				}
				o.pending = a
				if address != activeAddress {
					continue
				}
				o.active = a
				if _, err := h.Accounts.MarkProven(tx, a.ID, addr); err != nil {
					return err
				}
				if err := h.Passwords.Set(tx, a.ID, authenticator.NewID(), verifier); err != nil {
					return err
				}
				if _, err := h.Accounts.Activate(tx, a.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return o
}

// open opens the deployment as a command does.
func (o office) open(t *testing.T, do func(*app.House)) {
	t.Helper()
	c := &console{out: &bytes.Buffer{}, err: &bytes.Buffer{}, now: time.Now, config: o.config}
	err := c.withHouse(t.Context(), func(h *app.House) error {
		do(h)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command and returns what it printed.
func (o office) run(t *testing.T, want int, args ...string) (out, problems string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := &console{in: strings.NewReader(""), out: &stdout, err: &stderr, now: time.Now}
	if code := run(context.WithoutCancel(t.Context()), c, append([]string{"--config", o.config}, args...)); code != want {
		t.Fatalf("parvis %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// lock makes the active account's password locked.
func (o office) lock(t *testing.T) {
	o.open(t, func(h *app.House) {
		addr, err := account.ParseAddress(activeAddress)
		if err != nil {
			t.Fatal(err)
		}
		for range h.Config.Account.MaxFailures {
			err := h.DB.WriteStatement(t.Context(), func(tx *db.Tx) error {
				_, err := h.Attempts.Count(tx, h.Attempts.Key(addr, nil))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// waiting counts the mails in the outbox.
func (o office) waiting(t *testing.T) (n int64) {
	o.open(t, func(h *app.House) {
		b, err := h.Worker.Backlog(t.Context(), notice.Email)
		if err != nil {
			t.Fatal(err)
		}
		n = b.Waiting
	})
	return n
}

func TestAnAccountIsShownMaskedAndTheLookIsAudited(t *testing.T) {
	o := newOffice(t)
	out, _ := o.run(t, 0, "account", "show", activeAddress, "--operator", "ann")
	if strings.Contains(out, "sam.rivers") || !strings.Contains(out, string(o.active.ID)) || !strings.Contains(out, "active") {
		t.Error(out)
	}
	out, _ = o.run(t, 0, "account", "show", string(o.active.ID), "--json", "--full")
	var answer accountAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Address != activeAddress || answer.Status != account.Active || answer.Locked {
		t.Errorf("%+v", answer)
	}
	if len(answer.Events) == 0 || answer.Events[0].Name != "operator.account_shown" {
		t.Errorf("the first look was not audited: %+v", answer.Events)
	}
	if len(answer.Methods) != 1 || answer.Methods[0].Type != authenticator.Password || answer.Methods[0].LastUsed != nil {
		t.Errorf("methods: %+v", answer.Methods)
	}
	o.open(t, func(h *app.House) {
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, o.active.ID, totp.Prepare(), "Sam’s Pixel", 0) })
		if err != nil {
			t.Fatal(err)
		}
	})
	out, _ = o.run(t, 0, "account", "show", activeAddress)
	if !strings.Contains(out, "totp, since ") || strings.Contains(out, "Pixel") {
		t.Errorf("the app is not shown, or by the name that its owner gave it:\n%s", out)
	}
	if _, problems := o.run(t, 1, "account", "show", "nobody@example.org"); !strings.Contains(problems, "no account has this address") {
		t.Error(problems)
	}
	if _, problems := o.run(t, 1, "account", "show", "not-an-address@"); !strings.Contains(problems, "is not an e-mail address") {
		t.Error(problems)
	}
}

func TestAnUnlockIsRehearsedUnlessApplied(t *testing.T) {
	o := newOffice(t)
	if _, problems := o.run(t, 1, "account", "unlock", activeAddress, "--apply"); !strings.Contains(problems, "not locked") {
		t.Error(problems)
	}
	o.lock(t)
	out, _ := o.run(t, 0, "account", "unlock", activeAddress)
	if !strings.Contains(out, "Nothing was changed") || o.waiting(t) != 0 {
		t.Error("the rehearsal changed something: " + out)
	}
	if out, _ := o.run(t, 0, "account", "show", activeAddress); !strings.Contains(out, "password locked") {
		t.Error(out)
	}
	o.run(t, 0, "account", "unlock", activeAddress, "--apply")
	if out, _ := o.run(t, 0, "account", "show", activeAddress); strings.Contains(out, "password locked") {
		t.Error(out)
	}
	if n := o.waiting(t); n != 1 {
		t.Errorf("%d mails wait; the owner is told once", n)
	}
	if _, problems := o.run(t, 1, "account", "unlock", pendingAddress, "--apply"); !strings.Contains(problems, "pending") {
		t.Error(problems)
	}
}

func TestAnActivationMailIsSentAgainForPendingAccountsOnly(t *testing.T) {
	o := newOffice(t)
	if _, problems := o.run(t, 1, "account", "resend", activeAddress, "--apply"); !strings.Contains(problems, "active") {
		t.Error(problems)
	}
	o.run(t, 0, "account", "resend", pendingAddress)
	if n := o.waiting(t); n != 0 {
		t.Errorf("a rehearsal queued %d mails", n)
	}
	out, _ := o.run(t, 0, "account", "resend", pendingAddress, "--apply", "--json")
	if !strings.Contains(out, `"applied": true`) || o.waiting(t) != 1 {
		t.Error(out)
	}
}

func TestADeletedAccountIsGoneAndItsOwnerIsTold(t *testing.T) {
	o := newOffice(t)
	o.run(t, 0, "account", "delete", activeAddress)
	o.run(t, 0, "account", "show", activeAddress)
	o.run(t, 0, "account", "delete", activeAddress, "--apply", "--operator", "ann")
	if _, problems := o.run(t, 1, "account", "show", activeAddress); !strings.Contains(problems, "no account has this address") {
		t.Error(problems)
	}
	out, _ := o.run(t, 0, "account", "show", string(o.active.ID))
	if !strings.Contains(out, "closed") || !strings.Contains(out, "operator.account_deleted") {
		t.Error(out)
	}
	if n := o.waiting(t); n != 1 {
		t.Errorf("%d mails wait; the owner is told once", n)
	}
	if _, problems := o.run(t, 1, "account", "delete", string(o.active.ID), "--apply"); !strings.Contains(problems, "already") {
		t.Error(problems)
	}
}

func TestUnusedAccountsAreCounted(t *testing.T) {
	o := newOffice(t)
	o.open(t, func(h *app.House) {
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account SET used_at = $1 WHERE id = $2`, db.Millis(tx.Now().Add(-700*24*time.Hour)), o.active.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	out, _ := o.run(t, 0, "account", "unused")
	for _, want := range []string{"for 730 days are removed", "told 60 and 14 days before", "to be warned"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said: %s", want, out)
		}
	}
	out, _ = o.run(t, 0, "account", "unused", "--json")
	var answer unusedAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer != (unusedAnswer{After: "17520h0m0s", Unwarned: 1}) {
		t.Errorf("%s: %+v, %v", out, answer, err)
	}
}

func TestKeysAreListedAndRotated(t *testing.T) {
	o := newOffice(t)
	var before, after []keyAnswer
	out, _ := o.run(t, 0, "key", "list", "--json")
	if err := json.Unmarshal([]byte(out), &before); err != nil || len(before) != 2 {
		t.Fatalf("%v %s", err, out)
	}
	o.run(t, 0, "key", "rotate")
	out, _ = o.run(t, 0, "key", "rotate", "--apply", "--json")
	if err := json.Unmarshal([]byte(out), &after); err != nil || len(after) != 4 {
		t.Fatalf("%v %s", err, out)
	}
}

func TestTheDoctorNamesWhatIsWrongAndWhatToDo(t *testing.T) {
	o := newOffice(t)
	out, problems := o.run(t, 1, "doctor")
	for _, want := range []string{"ok       configuration", "ok       database", "ok       migrations", "ok       keys", "problem  mail", "→ check mail.server.host"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	if !strings.Contains(problems, "found a problem") {
		t.Error(problems)
	}
	out, _ = o.run(t, 1, "doctor", "--json")
	var answer struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.OK || len(answer.Findings) < 6 {
		t.Errorf("%v %s", err, out)
	}
}

func TestTheDoctorAsksTheProviderOfTextsWithoutSendingAnything(t *testing.T) {
	o := newOffice(t)
	var asked []string
	status := http.StatusNoContent
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("Parvis-Signature")+string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(provider.Close)
	out, _ := o.run(t, 1, "doctor")
	if !strings.Contains(out, "ok       texts          no provider") {
		t.Errorf("without a provider:\n%s", out)
	}
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(more string) {
		if err := os.WriteFile(o.config, []byte(string(text)+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts := "texts: {provider: webhook, key_file: " + key + ", url: " + provider.URL + "}\n"
	write(texts)
	out, _ = o.run(t, 1, "doctor")
	if !strings.Contains(out, "problem  texts") || !strings.Contains(out, "127.0.0.1 is not an address that may be called") || len(asked) != 0 {
		t.Errorf("an address inside that is not listed:\n%s", out)
	}
	write(texts + "outbound: {allow: [127.0.0.1]}\n")
	out, _ = o.run(t, 1, "doctor")
	if !strings.Contains(out, "ok       texts          webhook accepts this key") || len(asked) != 1 || !strings.Contains(asked[0], `"channel":"check"`) {
		t.Errorf("%s\n%s", out, asked)
	}
	status = http.StatusUnauthorized
	out, _ = o.run(t, 1, "doctor")
	if !strings.Contains(out, "problem  texts") || !strings.Contains(out, "401") {
		t.Errorf("a key that is refused:\n%s", out)
	}
}

func TestAnEnrolmentIsResetBySubjectWithoutNamingTheAccount(t *testing.T) {
	o := newOffice(t)
	o.run(t, 0, "partner", "add", "--id", "fishing", "--name-en", "Fishing", "--name-fr", "Pêche", "--department-en", "Parks",
		"--department-fr", "Parcs", "--redirect-uri", "https://fishing.example.org/callback", "--apply")
	var subject string
	o.open(t, func(h *app.House) {
		err := h.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
			p, err := h.Registry.Find(t.Context(), "fishing")
			if err != nil {
				return err
			}
			subject, err = h.Connections.Subject(tx, p.Sector, o.active.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	out, _ := o.run(t, 0, "partner", "reset-enrolment", "--service", "fishing", "--subject", subject)
	if !strings.Contains(out, "Nothing was changed") || o.waiting(t) != 0 {
		t.Error("the rehearsal changed something: " + out)
	}
	out, _ = o.run(t, 0, "partner", "reset-enrolment", "--service", "fishing", "--subject", subject, "--apply", "--operator", "ann")
	if !strings.Contains(out, "done") || strings.Contains(out, string(o.active.ID)) || o.waiting(t) != 1 {
		t.Error("not done, or the account is named: " + out)
	}
	for _, args := range [][]string{
		{"--service", "fishing", "--subject", subject},
		{"--service", "fishing", "--subject", "nobody"},
		{"--service", "hunting", "--subject", subject},
	} {
		_, problems := o.run(t, 1, append([]string{"partner", "reset-enrolment", "--apply"}, args...)...)
		if !strings.Contains(problems, "knows nobody by this subject") && !strings.Contains(problems, "there is no service") {
			t.Error(problems)
		}
	}
	if out, _ = o.run(t, 0, "account", "show", activeAddress, "--json"); !strings.Contains(out, "enrolment.reset") {
		t.Error("the audit does not tell")
	}
}
