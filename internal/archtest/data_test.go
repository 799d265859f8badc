package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// owners says which package owns a table: its name stands in that package's SQL only.
var owners = map[string]string{
	"audit_event": "internal/audit", "audit_checkpoint": "internal/audit", "audit_head": "internal/audit",
	"job":         "internal/job",
	"rate_limit":  "internal/ratelimit",
	"signing_key": "internal/keyring", "key_check": "internal/keyring", "key_revision": "internal/keyring",
	"account": "internal/account", "email_address": "internal/account", "failed_attempt": "internal/account", "address_proof": "internal/account", "address_change": "internal/account", "address_witness": "internal/account", "account_merge": "internal/account",
	"account_closing": "internal/account", "unused_warning": "internal/account",
	"authenticator": "internal/authenticator",
	"password":      "internal/authenticator/password",
	"one_time_code": "internal/authenticator/otp",
	"phone":         "internal/authenticator/phone", "phone_stop": "internal/authenticator/phone",
	"backup_code": "internal/authenticator/backupcode", "backup_code_use": "internal/authenticator/backupcode",
	"totp":    "internal/authenticator/totp",
	"session": "internal/session", "device": "internal/session", "remembered_browser": "internal/session", "new_sign_in": "internal/session", "alarm": "internal/session",
	"flow":          "internal/flow",
	"relying_party": "internal/relyingparty", "relying_party_revision": "internal/relyingparty",
	"authorization_grant": "internal/grant", "access_token": "internal/grant", "used_assertion": "internal/grant",
	"pushed_request": "internal/pushed",
	"device_request": "internal/device", "ciba_request": "internal/ciba", "ciba_ping": "internal/ciba",
	"session_party": "internal/backchannel", "logout_notice": "internal/backchannel",
	"connection": "internal/connection", "subject": "internal/connection", "retired_subject": "internal/connection", "moved_subject": "internal/connection",
	"upstream_provider": "internal/upstream", "upstream_revision": "internal/upstream",
	"upstream_link": "internal/upstream", "upstream_block": "internal/upstream",
	"upstream_assertion": "internal/upstream", "upstream_answer": "internal/upstream/handover", "upstream_leaving": "internal/upstream/handover",
	"api_key":            "internal/operator",
	"registration_token": "internal/registrar", "client_registration": "internal/registrar",
	"assist_request": "internal/assist",
	"lost_method":    "internal/authenticator/lost", "lost_method_link": "internal/authenticator/lost",
	"challenge_spent": "internal/challenge", "challenge_mail": "internal/challenge",
	"outbox": "internal/notify",
}

// statementCallers are the functions that may use db.WriteStatement: single
// conditional updates and upserts that no SELECT decides.
var statementCallers = map[string]bool{
	"internal/audit.chainSome": true, "internal/audit.ErasePersonal": true,
	"internal/job.Start": true, "internal/job.claim": true, "internal/job.release": true,
	"internal/ratelimit.exact": true, "internal/ratelimit.share": true, "internal/ratelimit.over": true, "internal/ratelimit.Purge": true, "internal/ratelimit.Forget": true,
	"internal/notify.Purge": true, "internal/notify.claim": true, "internal/notify.finish": true, "internal/notify.again": true,
	"internal/oidc/authorize.begin": true, "internal/oidc/authorize.load": true, "internal/oidc/authorize.keep": true, "internal/oidc/token.redeem": true, "internal/oidc/token.renew": true, "internal/oidc/token.own": true, "internal/oidc/token.exchange": true, "internal/oidc/token.introspect": true,
	"internal/oidc/token.waits": true, "internal/web/elsewhere.Begin": true, "internal/oidc/device.keep": true, "internal/web/deviceui.open": true,
	"internal/backchannel.Claim": true, "internal/backchannel.Again": true, "internal/ciba.Claim": true, "internal/ciba.Again": true,
	"internal/oidc/logout.begin": true, "internal/oidc/logout.finish": true,
	"internal/signin.Start": true, "internal/signin.PartnerAdd": true, "internal/signin.Password": true, "internal/signin.Extend": true,
	"internal/proving.Code":        true,
	"internal/profile.ConfirmCode": true,
	"internal/stepup.Prove":        true, "internal/stepup.compare": true, "internal/stepup.BindPhone": true, "internal/reclaim.Prove": true,
	"internal/challenge.Spend": true, "internal/challenge.Give": true, "internal/challenge.Purge": true,
	"internal/upstream.Take": true, "internal/upstream.Purge": true,
	"internal/upstream/handover.Keep": true, "internal/upstream/handover.Take": true, "internal/upstream/handover.Purge": true,
	"internal/departure.Leave": true, "internal/departure.Left": true,
	"internal/web/visit.touch":     true,
	"internal/web/operatorapi.key": true,
	"internal/demo.lock":           true,
	"internal/bench.commit":        true,
}

var (
	createTable = regexp.MustCompile(`(?i)create table (?:if not exists )?([a-z_]+)`)
	columnLine  = regexp.MustCompile(`^\s+([a-z_]+)\s+(BIGINT|TEXT|BYTEA)\b`)
	marked      = regexp.MustCompile(`-- (public|personal|secret)\b`)
	sqlWords    = regexp.MustCompile(`(?i)\b(select|insert|update|delete)\b`)
)

func migrations(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal/db/migrations/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations found: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(b)
	}
	return out
}

func TestEachColumnIsMarkedPublicPersonalOrSecret(t *testing.T) {
	for name, text := range migrations(t) {
		for i, line := range strings.Split(text, "\n") {
			if columnLine.MatchString(line) && !marked.MatchString(line) {
				t.Errorf("%s:%d: the column is not marked -- public, -- personal or -- secret: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

func TestMigrationsGoForwardOnly(t *testing.T) {
	for name, text := range migrations(t) {
		if strings.Contains(text, "+goose Down") {
			t.Errorf("%s has a Down part: migrations are forward only", name)
		}
		for _, word := range []string{"BOOLEAN", "SERIAL", "TIMESTAMP", "AUTOINCREMENT", "now()", "JSONB"} {
			if strings.Contains(strings.ToUpper(text), strings.ToUpper(word)) {
				t.Errorf("%s uses %s, which is not the same on both engines", name, word)
			}
		}
	}
}

// tables are all tables of the migrations.
func tables(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, text := range migrations(t) {
		for _, m := range createTable.FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
	}
	slices.Sort(out)
	return out
}

func TestATableIsNamedInTheSQLOfItsOwnerOnly(t *testing.T) {
	all := tables(t)
	for _, name := range all {
		if owners[name] == "" {
			t.Errorf("table %s has no owner: name the package that owns it", name)
		}
	}
	for _, s := range tree(t) {
		if !s.product() || s.pkg == "internal/db" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(l.Value)
			if err != nil || !sqlWords.MatchString(text) {
				return true
			}
			for _, name := range all {
				if owners[name] != s.pkg && regexp.MustCompile(`(?i)\b(from|into|update|join|table) `+name+`\b`).MatchString(text) {
					t.Errorf("%s: table %s belongs to %s", s.at(l), name, owners[name])
				}
			}
			return true
		})
	}
}

func TestTheCallersOfWriteStatementAreKnown(t *testing.T) {
	for _, s := range tree(t) {
		if !s.product() || s.pkg == "internal/db" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || sel.Sel.Name != "WriteStatement" {
					return true
				}
				if name := s.pkg + "." + f.Name.Name; !statementCallers[name] {
					t.Errorf("%s: %s calls WriteStatement and is not in the list: is it one conditional statement that no SELECT decides?", s.at(sel), name)
				}
				return true
			})
		}
	}
}

func TestPlaceholdersComeInOrder(t *testing.T) {
	placeholder := regexp.MustCompile(`\$(\d+)`)
	for _, s := range tree(t) {
		if !s.product() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING || !sqlWords.MatchString(l.Value) {
				return true
			}
			highest := 0
			for _, m := range placeholder.FindAllStringSubmatch(l.Value, -1) {
				n, err := strconv.Atoi(m[1])
				if err != nil || n > highest+1 {
					t.Errorf("%s: $%s comes before $%d: placeholders are numbered in the order of their first use", s.at(l), m[1], highest+1)
					return true
				}
				highest = max(highest, n)
			}
			return true
		})
	}
}
