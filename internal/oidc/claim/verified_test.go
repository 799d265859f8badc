package claim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func verifiedAsked(raw string) string { return `{"userinfo":{"verified_claims":` + raw + `}}` }

func TestRequestsForVerifiedClaimsAreReadOrRefused(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	var elements []string
	for i := range maxElement {
		elements = append(elements, fmt.Sprintf(`"e%d":null`, i))
	}
	set := `{"verification":{},"claims":{"name":null}}`
	for _, c := range []struct {
		name, raw string
		refused   string
	}{
		{"one set", set, ""},
		{"ten sets", "[" + many(maxSets, set) + "]", ""},
		{"an element of evidence", `{"verification":{"evidence":[{"type":{"value":"document"},"method":null}]},"claims":{"name":null}}`, ""},
		{"evidence of any kind", `{"verification":{"evidence":null},"claims":{"name":null}}`, ""},
		{"a purpose of any length", `{"verification":{"trust_framework":{"purpose":"x"}},"claims":{"name":{"purpose":7}}}`, ""},
		{"a part of a claim", `{"verification":{},"claims":{"address":{"country":null}}}`, ""},
		{"null", "null", "verified_claims is no object"},
		{"a text", `"x"`, "verified_claims is no object"},
		{"no sets", "[]", "verified_claims is an empty list"},
		{"a list in a list", "[[]]", "verified_claims is no object"},
		{"eleven sets", "[" + many(maxSets+1, set) + "]", "verified_claims has more than 10 sets"},
		{"no verification", `{"claims":{"name":null}}`, "verified_claims has no object verification"},
		{"verification null", `{"verification":null,"claims":{"name":null}}`, "verified_claims has no object verification"},
		{"verification by another name", `{"Verification":{},"claims":{"name":null}}`, "verified_claims has no object verification"},
		{"no claims", `{"verification":{}}`, "verified_claims has no claims"},
		{"claims null", `{"verification":{},"claims":null}`, "verified_claims has no claims"},
		{"empty claims", `{"verification":{},"claims":{}}`, "verified_claims has no claims"},
		{"a claim that is a text", `{"verification":{},"claims":{"name":"Anna"}}`, "verified_claims has a claim that is neither null nor an object"},
		{"essential as a text", `{"verification":{},"claims":{"name":{"essential":"yes"}}}`, "verified_claims has an essential that is neither true nor false"},
		{"no values", `{"verification":{"trust_framework":{"values":[]}},"claims":{"name":null}}`, "verified_claims has values that are no list of 1 to 20"},
		{"values as a text", `{"verification":{"trust_framework":{"values":"x"}},"claims":{"name":null}}`, "verified_claims has values that are no list of 1 to 20"},
		{"too many values", `{"verification":{"trust_framework":{"values":[` + many(maxValues+1, `"x"`) + `]}},"claims":{"name":null}}`, "verified_claims has values that are no list of 1 to 20"},
		{"value and values", `{"verification":{"trust_framework":{"value":"x","values":["y"]}},"claims":{"name":null}}`, "verified_claims has both value and values"},
		{"a value that is null", `{"verification":{"trust_framework":{"value":null}},"claims":{"name":null}}`, "verified_claims has a value that is null"},
		{"an age below nothing", `{"verification":{"time":{"max_age":-1}},"claims":{"name":null}}`, "verified_claims has a max_age that is no number of seconds"},
		{"an age beyond all", `{"verification":{"time":{"max_age":1e300}},"claims":{"name":null}}`, "verified_claims has a max_age that is no number of seconds"},
		{"an age as a text", `{"verification":{"time":{"max_age":"5"}},"claims":{"name":null}}`, "verified_claims has a max_age that is no number of seconds"},
		{"an element that is a text", `{"verification":{"trust_framework":"x"},"claims":{"name":null}}`, "verification has an element that is neither null, an object nor a list"},
		{"an empty list", `{"verification":{"evidence":[]},"claims":{"name":null}}`, "verification has an empty list"},
		{"entries of another kind", `{"verification":{"evidence":[null]},"claims":{"name":null}}`, "verification has a list whose entries are no objects"},
		{"evidence that is no list", `{"verification":{"evidence":{}},"claims":{"name":null}}`, "evidence is no list of objects"},
		{"evidence without a type", `{"verification":{"evidence":[{"method":null}]},"claims":{"name":null}}`, "evidence has an entry whose type is not given by value"},
		{"evidence of several types", `{"verification":{"evidence":[{"type":{"values":["document"]}}]},"claims":{"name":null}}`, "evidence has an entry whose type is not given by value"},
		{"too many elements", `{"verification":{` + strings.Join(elements, ",") + `},"claims":{"name":null}}`, "verified_claims has more than 200 elements"},
		{"a name without end", `{"verification":{"` + strings.Repeat("n", maxName+1) + `":null},"claims":{"name":null}}`, "verification has an element with a name of more than 128 bytes"},
		{"nested without end", `{"verification":` + strings.Repeat(`{"a":`, 20) + "null" + strings.Repeat("}", 20) + `,"claims":{"name":null}}`, "verified_claims is nested too deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadParameter(verifiedAsked(c.raw), Scopes, true)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != c.refused {
				t.Fatalf("%q, want %q", text, c.refused)
			}
			if err == nil && len(got.Verified.UserInfo.Sets) == 0 {
				t.Error("nothing is asked for")
			}
			ignored, err := ReadParameter(verifiedAsked(c.raw), Scopes, false)
			if err != nil || !cmp.Equal(ignored, Parameter{}) {
				t.Errorf("where identities are not verified: %+v, %v", ignored, err)
			}
		})
	}
}

func TestVerifiedClaimsAreKeptAsTheyWereAskedFor(t *testing.T) {
	raw := `{"userinfo":{"verified_claims":[{"verification":{"time":{"max_age":5},"evidence":[{"type":{"value":"document"}}],"assurance_process":{"assurance_details":[{"assurance_type":{"value":"x"}}]}},"claims":{"name":{"values":["Anna",1]},"nonsense":null}},
		{"verification":{},"claims":{"nonsense":null}}]},"id_token":{"verified_claims":{"verification":{},"claims":{"birthdate":null}}}}`
	got, err := ReadParameter(raw, []string{ScopeOpenID, ScopeName}, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := got.Verified.Text()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"userinfo":{"several":true,"sets":[{"verification":{"members":{"assurance_process":{"members":{"assurance_details":{}}},"evidence":{"entries":[{"members":{"type":{"values":["document"]}}}]},"time":{"max_age":5}}},"claims":{"name":{"values":["Anna",1]}}}]}}`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	kept, err := KeptVerified(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Verified, kept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{Name, VerifiedAt}, kept.UserInfo.Names()); diff != "" {
		t.Error(diff)
	}
	if _, err := KeptVerified("{"); err == nil {
		t.Error("what was never kept is read")
	}
}

func TestListsInAVerificationAreFilteredByTheirWishes(t *testing.T) {
	have := []any{
		map[string]any{"type": "document", "method": "pipp", "date": "2026-11-25"},
		map[string]any{"type": "vouch", "method": "sripp"},
	}
	now := time.Date(2026, 11, 26, 0, 0, 9, 0, time.UTC)
	for _, c := range []struct {
		name, raw string
		want      any
		ok        bool
	}{
		{"one kind, and of it what is asked for", `[{"type":{"value":"document"},"method":null}]`, []any{map[string]any{"type": "document", "method": "pipp"}}, true},
		{"either of two", `[{"type":{"value":"vouch"}},{"type":{"value":"document"}}]`, []any{map[string]any{"type": "document"}, map[string]any{"type": "vouch"}}, true},
		{"none", `[{"type":{"value":"electronic_record"}}]`, nil, false},
		{"both conditions of one entry", `[{"type":{"value":"vouch"},"method":{"value":"pipp"}}]`, nil, false},
		{"a day that ended ten seconds ago", `[{"type":{"value":"document"},"date":{"max_age":10}}]`, []any{map[string]any{"type": "document", "date": "2026-11-25"}}, true},
		{"a day that ended more than nine seconds ago", `[{"type":{"value":"document"},"date":{"max_age":9}}]`, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			left := maxElement
			w, err := readWish([]byte(c.raw), &left, 0)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := w.met(have, now)
			if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
				t.Errorf("%v %s", ok, diff)
			}
		})
	}
}

func FuzzVerifiedClaims(f *testing.F) {
	for _, s := range []string{
		`{"verification":{"trust_framework":{"value":"t"},"time":{"max_age":1}},"claims":{"name":null}}`,
		`[{"verification":{"evidence":[{"type":{"value":"document"}}]},"claims":{"birthdate":{"values":["1980-02-29"]}}},{"verification":{},"claims":{"address":null}}]`,
		`{"verification":{"assurance_process":{"policy":null,"assurance_details":[{}]}},"claims":{"given_name":{"value":"Anna","essential":true}}}`,
		`[]`, `{}`, `null`, `{"verification":[],"claims":{}}`,
	} {
		f.Add(s)
	}
	now := time.Unix(1_800_000_000, 0)
	who := Person{Identity: Identity{
		GivenName: "Anna", FamilyName: "Lee", Birthdate: "1980-02-29", Address: PostalAddress{Country: "CA"}, VerifiedAt: now,
		Verification: Verification{TrustFramework: "t", AssuranceLevel: "l", Policy: "p"},
	}}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ReadParameter(verifiedAsked(raw), Scopes, true)
		if err != nil {
			return
		}
		text, err := p.Verified.Text()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := KeptVerified(text)
		if err != nil {
			t.Fatalf("%q was kept and cannot be read: %v", text, err)
		}
		names := kept.UserInfo.Names()
		told := who.Assured(p.Verified.UserInfo, names, now)
		if diff := cmp.Diff(told, who.Assured(kept.UserInfo, names, now)); diff != "" {
			t.Errorf("told otherwise when kept: %s", diff)
		}
		if who.Assured(kept.UserInfo, nil, now) != nil {
			t.Error("told without leave")
		}
		sets, several := told.([]any)
		if !several && told != nil {
			sets = []any{told}
		}
		for _, one := range sets {
			set := one.(map[string]any)
			if set["verification"].(map[string]any)["trust_framework"] != "t" || len(set["claims"].(map[string]any)) == 0 {
				t.Errorf("an answer that is not whole: %v", set)
			}
		}
	})
}
