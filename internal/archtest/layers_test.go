package archtest

import (
	"slices"
	"strings"
	"testing"
)

// layers is the plan of who may import whom: lower layers only, never one's own
// (docs/architecture.md, "Who may import whom").
var layers = map[string]int{
	"internal/fault": -1, "internal/id": -1,
	"internal/i18n": 0, "internal/secret": 0, "internal/policy": 0, "internal/jose": 0, "internal/xmlsec": 0,
	"internal/db": 1, "web": 0, "internal/web/kit": 1, "internal/web/theme": 0, "internal/outbound": 1, "internal/place": 1, "internal/clientcert": 0, "internal/oidc/claim": 1, "internal/oidc/protocol": 1, "internal/saml/protocol": 1,
	"internal/audit": 2, "internal/job": 2, "internal/ratelimit": 2, "internal/notify/notice": 2, "internal/courier": 2,
	"internal/keyring": 3, "internal/notify": 3, "internal/flow": 3, "internal/challenge": 3,
	"internal/account": 4, "internal/authenticator": 4, "internal/session": 4, "internal/grant": 4,
	"internal/relyingparty": 4, "internal/connection": 4, "internal/proving": 4,
	"internal/upstream": 4, "internal/operator": 4, "internal/pushed": 4, "internal/device": 4, "internal/assist": 4,
	"internal/owner": 5, "internal/disclosure": 5, "internal/backchannel": 5, "internal/ciba": 5, "internal/registrar": 5,
	"internal/enrollment": 6, "internal/signin": 6, "internal/recovery": 6, "internal/stepup": 6, "internal/lifecycle": 6, "internal/merging": 6, "internal/leaving": 6, "internal/unused": 6, "internal/departure": 6, "internal/frontchannel": 6,
	"internal/partnering": 6, "internal/profile": 6, "internal/reclaim": 6, "internal/activity": 6, "internal/screening": 6,
	"internal/web/visit": 7, "internal/web/newpassword": 7, "internal/oidc/machine": 7,
	"internal/oidc": 8, "internal/web/signinui": 8, "internal/web/accountui": 8, "internal/web/portal": 8, "internal/web/elsewhere": 8, "internal/web/deviceui": 8, "internal/web/askedui": 8, "internal/web/operatorapi": 8,
	"internal/config": 9, "internal/app": 10, "internal/demo": 11, "internal/bench": 11, "internal/cli": 12, "cmd/parvis": 13,
}

// within are packages that belong to another one: they may import it, never the reverse.
var within = map[string]string{
	"internal/oidc/protocol":            "internal/oidc/claim",
	"internal/web/deviceui":             "internal/web/elsewhere",
	"internal/web/askedui":              "internal/web/elsewhere",
	"internal/upstream/handover":        "internal/upstream",
	"internal/upstream/oidc":            "internal/upstream",
	"internal/upstream/saml":            "internal/upstream",
	"internal/authenticator/password":   "internal/authenticator",
	"internal/proving":                  "internal/account",
	"internal/authenticator/otp":        "internal/authenticator",
	"internal/authenticator/phone":      "internal/authenticator",
	"internal/authenticator/backupcode": "internal/authenticator",
	"internal/authenticator/totp":       "internal/authenticator",
	"internal/authenticator/lost":       "internal/authenticator",
	"internal/notify/smtp":              "internal/notify",
	"internal/notify/sms":               "internal/notify",
	"internal/notify/mailbox":           "internal/notify",
}

// layerOf finds the layer of a package by its longest known prefix.
func layerOf(pkg string) (int, string, bool) {
	for p := pkg; p != "." && p != ""; {
		if l, ok := layers[p]; ok {
			return l, p, true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return 0, "", false
}

func TestAPackageImportsLowerLayersOnly(t *testing.T) {
	for _, s := range tree(t) {
		if !s.product() {
			continue
		}
		own, owner, ok := layerOf(s.pkg)
		if !ok {
			t.Errorf("%s: package %s has no layer: give it one here and in docs/architecture.md", s.path, s.pkg)
			continue
		}
		for _, i := range s.imports {
			if !strings.HasPrefix(i, "internal/") && i != "web" {
				continue
			}
			other, otherOwner, ok := layerOf(i)
			switch {
			case !ok:
				t.Errorf("%s imports %s, which has no layer", s.path, i)
			case other < own, within[s.pkg] == i:
			case owner == otherOwner && s.pkg != i && within[i] == "" && sameHouse(s.pkg, i):
			default:
				t.Errorf("%s (layer %d) imports %s (layer %d): a package imports lower layers only", s.path, own, i, other)
			}
		}
	}
}

// sameHouse allows a package to import a package below it in the same folder, e.g. oidc → oidc/protocol.
func sameHouse(pkg, imported string) bool { return strings.HasPrefix(imported, pkg+"/") }

func TestOnlyTheCompositionKnowsTheConfiguration(t *testing.T) {
	allowed := []string{"internal/config", "internal/app", "internal/demo", "internal/bench", "internal/cli", "cmd/parvis"}
	for _, s := range tree(t) {
		if s.product() && slices.Contains(s.imports, "internal/config") && !slices.Contains(allowed, s.pkg) {
			t.Errorf("%s imports internal/config: each package declares its own Settings", s.path)
		}
	}
}

// borders are imports that only some packages may have.
var borders = []struct {
	imported string
	allowed  []string
	why      string
}{
	{"database/sql", []string{"internal/db"}, "SQL handles stay in db"},
	{"html/template", []string{"internal/web", "internal/notify", "internal/oidc", "internal/demo"}, "HTML is made in web, notify, oidc and demo"},
	{"net/http", []string{"internal/web", "internal/oidc", "internal/app", "internal/demo", "internal/bench", "internal/cli", "internal/outbound"}, "HTTP servers live in the layers 7 and 8 and in the composition"},
	{"text/template", []string{"internal/notify", "internal/i18n", "internal/config", "internal/cli"}, "text is made from catalogues"},
	{"math/rand", nil, "randomness comes from crypto/rand; jitter from math/rand/v2"},
	{"unsafe", nil, "no unsafe"},
}

func TestBordersAreKept(t *testing.T) {
	for _, s := range tree(t) {
		if !s.product() || s.pkg == "cmd/parvis" {
			continue
		}
		for _, b := range borders {
			if !slices.Contains(s.imports, b.imported) {
				continue
			}
			if !slices.ContainsFunc(b.allowed, func(p string) bool { return s.pkg == p || strings.HasPrefix(s.pkg, p+"/") }) {
				t.Errorf("%s imports %s: %s", s.path, b.imported, b.why)
			}
		}
		if pure := s.pkg == "internal/oidc/protocol" || s.pkg == "internal/oidc/claim" || s.pkg == "internal/saml/protocol"; pure && (slices.Contains(s.imports, "net/http") || slices.Contains(s.imports, "internal/db")) {
			t.Errorf("%s: protocol is pure: no HTTP, no database", s.path)
		}
	}
}

func TestTheTreeIsNotDeep(t *testing.T) {
	const limit = 12
	uses := map[string]map[string]bool{}
	for _, s := range tree(t) {
		if !s.product() {
			continue
		}
		for _, i := range s.imports {
			if strings.HasPrefix(i, "internal/") {
				if uses[s.pkg] == nil {
					uses[s.pkg] = map[string]bool{}
				}
				uses[s.pkg][i] = true
			}
		}
	}
	depth := map[string]int{}
	var walk func(p string, path []string) int
	walk = func(p string, path []string) int {
		if d, ok := depth[p]; ok {
			return d
		}
		if slices.Contains(path, p) {
			t.Fatalf("import cycle: %v", append(path, p))
		}
		deepest := 0
		for q := range uses[p] {
			deepest = max(deepest, 1+walk(q, append(path, p)))
		}
		depth[p] = deepest
		return deepest
	}
	for p := range uses {
		if p == "cmd/parvis" {
			continue
		}
		if d := walk(p, nil); d > limit {
			t.Errorf("%s stands on %d layers of imports, at most %d are allowed", p, d, limit)
		}
	}
}
