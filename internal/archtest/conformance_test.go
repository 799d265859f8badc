package archtest

import (
	"cmp"
	"fmt"
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

// conformanceFile is made from the requirements that the tests name.
const conformanceFile = "docs/conformance.md"

// specifications are those whose requirements tests name, in the order of the paper. A test
// names a requirement by a line of its comment, or by the name of one of its cases:
//
//	RFC 7636, 4.6: a verifier that is not the challenge's gives invalid_grant.
//
// Each has a file of its own, file, whose tests drive the whole provider and all name a requirement of
// it; races, bombs and the units of packages stand in others, and may name requirements too.
var specifications = []struct{ short, title, address, file string }{
	{"OIDC Core", "OpenID Connect Core 1.0", "https://openid.net/specs/openid-connect-core-1_0.html", "internal/oidc/oidccore_test.go"},
	{"OIDC Discovery", "OpenID Connect Discovery 1.0", "https://openid.net/specs/openid-connect-discovery-1_0.html", "internal/oidc/oidcdiscovery_test.go"},
	{"OIDC Registration", "OpenID Connect Dynamic Client Registration 1.0", "https://openid.net/specs/openid-connect-registration-1_0.html", "internal/oidc/registration/oidcregistration_test.go"},
	{"OIDC RP-Initiated Logout", "OpenID Connect RP-Initiated Logout 1.0", "https://openid.net/specs/openid-connect-rpinitiated-1_0.html", "internal/oidc/rpinitiatedlogout_test.go"},
	{"OIDC Back-Channel Logout", "OpenID Connect Back-Channel Logout 1.0", "https://openid.net/specs/openid-connect-backchannel-1_0.html", "internal/oidc/backchannellogout_test.go"},
	{"OIDC Front-Channel Logout", "OpenID Connect Front-Channel Logout 1.0", "https://openid.net/specs/openid-connect-frontchannel-1_0.html", "internal/oidc/frontchannellogout_test.go"},
	{"OIDC4IA", "OpenID Connect for Identity Assurance 1.0", "https://openid.net/specs/openid-connect-4-identity-assurance-1_0.html", "internal/oidc/identityassurance_test.go"},
	{"OAuth Form Post", "OAuth 2.0 Form Post Response Mode", "https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html", "internal/oidc/formpost_test.go"},
	{"JARM", "JWT Secured Authorization Response Mode for OAuth 2.0", "https://openid.net/specs/oauth-v2-jarm.html", "internal/oidc/jarm_test.go"},
	{"FAPI 2.0 SP", "FAPI 2.0 Security Profile", "https://openid.net/specs/fapi-security-profile-2_0-final.html", "internal/oidc/fapi2sp_test.go"},
	{"FAPI 2.0 MS", "FAPI 2.0 Message Signing", "https://openid.net/specs/fapi-message-signing-2_0.html", "internal/oidc/fapi2ms_test.go"},
	{"CIBA", "OpenID Connect Client-Initiated Backchannel Authentication Flow 1.0", "https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html", "internal/oidc/ciba_test.go"},
	{"FAPI-CIBA", "Financial-grade API: Client Initiated Backchannel Authentication Profile", "https://openid.net/specs/openid-financial-api-ciba-ID1.html", "internal/oidc/fapiciba_test.go"},
	{"RFC 6749", "The OAuth 2.0 Authorization Framework", "", "internal/oidc/rfc6749_test.go"},
	{"RFC 6750", "Bearer Token Usage", "", "internal/oidc/rfc6750_test.go"},
	{"RFC 7009", "Token Revocation", "", "internal/oidc/rfc7009_test.go"},
	{"RFC 7523", "JWT Profile for Client Authentication", "", "internal/oidc/rfc7523_test.go"},
	{"RFC 7591", "Dynamic Client Registration", "", "internal/oidc/registration/rfc7591_test.go"},
	{"RFC 7592", "Dynamic Client Registration Management", "", "internal/oidc/registration/rfc7592_test.go"},
	{"RFC 7636", "Proof Key for Code Exchange", "", "internal/oidc/rfc7636_test.go"},
	{"RFC 7662", "Token Introspection", "", "internal/oidc/rfc7662_test.go"},
	{"RFC 8252", "OAuth 2.0 for Native Apps", "", "internal/oidc/rfc8252_test.go"},
	{"RFC 8414", "Authorization Server Metadata", "", "internal/oidc/rfc8414_test.go"},
	{"RFC 8628", "Device Authorization Grant", "", "internal/oidc/rfc8628_test.go"},
	{"RFC 8693", "Token Exchange", "", "internal/oidc/rfc8693_test.go"},
	{"RFC 8705", "Mutual-TLS Client Authentication and Certificate-Bound Access Tokens", "", "internal/oidc/rfc8705_test.go"},
	{"RFC 8707", "Resource Indicators", "", "internal/oidc/rfc8707_test.go"},
	{"RFC 9068", "JWT Profile for Access Tokens", "", "internal/oidc/rfc9068_test.go"},
	{"RFC 9101", "JWT-Secured Authorization Request", "", "internal/oidc/rfc9101_test.go"},
	{"RFC 9126", "Pushed Authorization Requests", "", "internal/oidc/rfc9126_test.go"},
	{"RFC 9207", "Authorization Server Issuer Identification", "", "internal/oidc/rfc9207_test.go"},
	{"RFC 9396", "Rich Authorization Requests", "", "internal/oidc/rfc9396_test.go"},
	{"RFC 9449", "Demonstrating Proof of Possession", "", "internal/oidc/rfc9449_test.go"},
	{"RFC 9700", "Best Current Practice for OAuth 2.0 Security", "", "internal/oidc/rfc9700_test.go"},
	{"RFC 9701", "JWT Response for Token Introspection", "", "internal/oidc/rfc9701_test.go"},
	{"RFC 9728", "Protected Resource Metadata", "", "internal/oidc/rfc9728_test.go"},
}

// requirement is what one line of the paper says.
type requirement struct {
	spec   int // index of specifications
	clause string
	text   string
	test   string
}

var stated = func() *regexp.Regexp {
	var names []string
	for _, s := range specifications {
		names = append(names, regexp.QuoteMeta(s.short))
	}
	return regexp.MustCompile(`^(` + strings.Join(names, "|") + `), ([0-9A-Z][0-9.]*(?:(?:, | and | to )[0-9A-Z][0-9.]*)*): (.+)$`)
}()

func read(line, test string) (requirement, bool) {
	m := stated.FindStringSubmatch(line)
	if m == nil {
		return requirement{}, false
	}
	spec := slices.IndexFunc(specifications, func(s struct{ short, title, address, file string }) bool { return s.short == m[1] })
	return requirement{spec: spec, clause: m[2], text: strings.TrimSuffix(m[3], "."), test: test}, true
}

// requirements finds what the tests of the tree name.
func requirements(t *testing.T) []requirement {
	t.Helper()
	var out []requirement
	for _, s := range tree(t) {
		if !s.test || s.pkg == "internal/archtest" {
			continue
		}
		for _, d := range s.file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			out = append(out, namedBy(f)...)
		}
	}
	slices.SortStableFunc(out, func(a, b requirement) int {
		return cmp.Or(cmp.Compare(a.spec, b.spec), byClause(a.clause, b.clause), cmp.Compare(a.text, b.text), cmp.Compare(a.test, b.test))
	})
	return slices.Compact(out)
}

// namedBy are the requirements that one test names.
func namedBy(f *ast.FuncDecl) []requirement {
	var out []requirement
	for _, line := range sentences(f.Doc) {
		if r, ok := read(line, f.Name.Name); ok {
			out = append(out, r)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, is := n.(*ast.BasicLit)
		if !is || lit.Kind != token.STRING {
			return true
		}
		if text, err := strconv.Unquote(lit.Value); err == nil {
			if r, ok := read(text, f.Name.Name); ok {
				out = append(out, r)
			}
		}
		return true
	})
	return out
}

// sentences joins the lines of a comment that belong to one requirement.
func sentences(doc *ast.CommentGroup) []string {
	var out []string
	open := false
	for line := range strings.Lines(doc.Text()) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			open = false
		case stated.MatchString(line):
			out, open = append(out, line), true
		case open:
			out[len(out)-1] += " " + line
		}
	}
	return out
}

// byClause orders 4.1.2 before 4.1.10.
func byClause(a, b string) int {
	x, y := strings.FieldsFunc(a, apart), strings.FieldsFunc(b, apart)
	for i := 0; i < len(x) && i < len(y); i++ {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		if c := cmp.Compare(m, n); errM == nil && errN == nil && c != 0 {
			return c
		}
		if c := strings.Compare(x[i], y[i]); (errM != nil || errN != nil) && c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func apart(r rune) bool { return r == '.' || r == ',' || r == ' ' }

func TestThePaperOfConformanceNamesEachRequirementAndItsTest(t *testing.T) {
	var out strings.Builder
	out.WriteString("# Requirements of the specifications, and the test of each\n\n" +
		"Made from the tests by `go test ./internal/archtest -update`; a test compares it. A test names a\n" +
		"requirement, with its clause, in its comment or in the name of a case. Real clients are run beside them:\n" +
		"`make interop`; how to run the conformance suite of the OpenID Foundation stands in\n" +
		"[integration/oidc.md](integration/oidc.md).\n")
	found := requirements(t)
	for i, s := range specifications {
		var lines []requirement
		for _, r := range found {
			if r.spec == i {
				lines = append(lines, r)
			}
		}
		address := s.address
		if address == "" {
			address = "https://www.rfc-editor.org/rfc/" + strings.ToLower(strings.ReplaceAll(s.short, " ", ""))
		}
		fmt.Fprintf(&out, "\n## %s: [%s](%s)\n", s.short, s.title, address)
		fmt.Fprintf(&out, "\nThe tests of [%s](../%s), and others.\n", filepath.Base(s.file), s.file)
		out.WriteString("\n| Clause | Requirement | Test |\n|---|---|---|\n")
		for _, r := range lines {
			fmt.Fprintf(&out, "| %s | %s | `%s` |\n", r.clause, strings.ReplaceAll(r.text, "|", "\\|"), r.test)
		}
	}
	path := filepath.Join(root, conformanceFile)
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != out.String() {
		t.Errorf("%s differs from the tests: go test ./internal/archtest -update", conformanceFile)
	}
}

func TestEachSpecificationHasItsFileAndEachTestOfItNamesARequirement(t *testing.T) {
	files := map[string]source{}
	for _, f := range tree(t) {
		files[f.path] = f
	}
	for i, s := range specifications {
		f, is := files[s.file]
		if !is {
			t.Errorf("%s: %s, which is to hold its tests, is not there", s.short, s.file)
			continue
		}
		tests := 0
		for _, d := range f.file.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			tests++
			if !slices.ContainsFunc(namedBy(fn), func(r requirement) bool { return r.spec == i }) {
				t.Errorf("%s: %s names no requirement of %s", f.path, fn.Name.Name, s.short)
			}
		}
		if tests == 0 {
			t.Errorf("%s: %s holds no test", s.short, s.file)
		}
	}
}

func TestARequirementIsReadFromALine(t *testing.T) {
	for line, want := range map[string]requirement{
		"RFC 9126, 2.3: what is wrong is said at once.":          {clause: "2.3", text: "what is wrong is said at once"},
		"OIDC Core, 3.1.2.1 and 5.5: claims are asked for so":    {clause: "3.1.2.1 and 5.5", text: "claims are asked for so"},
		"RFC 9126: without a clause":                             {},
		"RFC 1, 2: of a specification that is not in the list":   {},
		"as RFC 9126, 2.3: says, in the middle of another words": {},
	} {
		got, ok := read(line, "")
		if ok != (want.clause != "") || got.clause != want.clause || got.text != want.text {
			t.Errorf("%q: %+v %v", line, got, ok)
		}
	}
	if byClause("4.1.2", "4.1.10") >= 0 || byClause("B.1", "4") <= 0 || byClause("4.1", "4.1.1") >= 0 {
		t.Error("clauses are not in their order")
	}
}
