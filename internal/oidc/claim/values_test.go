package claim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAClaimIsToldWhenItHasOneOfTheValuesThatWereAskedFor(t *testing.T) {
	p := Person{
		Email: "a@example.org", Verified: true, Emails: []string{"a@example.org", "b@example.org"}, Phone: "+14165550134", UpdatedAt: time.Unix(1800000000, 0),
		Identity: Identity{Birthdate: "1980-02-29", Address: PostalAddress{Locality: "Ottawa"}},
	}
	all := []string{Email, EmailVerified, AllEmails, PhoneNumber, PhoneNumberVerified, Phone, PhoneVerified, UpdatedAt, Birthdate, Address}
	for _, c := range []struct {
		name, values string // of a claim
		gone         []string
	}{
		{Email, `["a@example.org"]`, nil},
		{Email, `["b@example.org","a@example.org"]`, nil},
		{Email, `["A@example.org"]`, []string{Email, EmailVerified}},
		{Email, `[1,null,{},["a@example.org"]]`, []string{Email, EmailVerified}},
		{EmailVerified, `[false]`, []string{EmailVerified}},
		{EmailVerified, `["true"]`, []string{EmailVerified}},
		{EmailVerified, `[true]`, nil},
		{AllEmails, `[["a@example.org","b@example.org"]]`, nil},
		{AllEmails, `["a@example.org"]`, []string{AllEmails}},
		{PhoneNumber, `["+1"]`, []string{PhoneNumber, PhoneNumberVerified}},
		{Phone, `["+1"]`, []string{Phone, PhoneVerified}},
		{UpdatedAt, `[1800000000]`, nil},
		{UpdatedAt, `["1800000000"]`, []string{UpdatedAt}},
		{Birthdate, `["1980-02-29"]`, nil},
		{Birthdate, `["1980-03-01"]`, []string{Birthdate}},
		{Address, `[{"locality":"Ottawa","formatted":"Ottawa"}]`, nil},
		{Address, `[{"locality":"Ottawa"}]`, []string{Address}},
		{FamilyName, `["Lee"]`, nil}, // there is none
	} {
		var values []json.RawMessage
		if err := json.Unmarshal([]byte(c.values), &values); err != nil {
			t.Fatal(err)
		}
		want, got := p.Claims(all), p.Claims(all)
		for _, name := range c.gone {
			delete(want, name)
		}
		Only{c.name: values}.Keep(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s: %s", c.name, c.values, diff)
		}
	}
}

func TestWhatIsToldEverywhereIsToldAsTheIDTokenAsksForIt(t *testing.T) {
	one, two := []json.RawMessage{json.RawMessage(`1`)}, []json.RawMessage{json.RawMessage(`2`)}
	asked := Values{UserInfo: Only{Email: one, Locale: one, Phone: one}, IDToken: Only{Locale: two}}
	got := asked.Everywhere([]string{Locale, Phone})
	if diff := cmp.Diff(Values{UserInfo: asked.UserInfo, IDToken: Only{Email: one, Locale: two}}, got); diff != "" {
		t.Error(diff)
	}
	if len(asked.IDToken) != 1 {
		t.Errorf("what was asked for is changed: %v", asked.IDToken)
	}
	text, err := got.Text()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := KeptValues(text); err != nil || !cmp.Equal(again, got) {
		t.Errorf("%v %v", again, err)
	}
	if text, err := (Values{}).Text(); err != nil || text != "" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := KeptValues("x"); err == nil {
		t.Error("what was not kept is read")
	}
}

// A service fills no more room with the values that it asks for than it sends.
func TestWhatIsKeptOfAParameterIsNoLongerThanWhatWasSent(t *testing.T) {
	sent := `{"userinfo":{"email":{"value":"` + strings.Repeat("<&>", 1300) + `"}}}`
	p, err := ReadParameter(sent, []string{"openid", "email"}, false)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := p.KeepClaims()
	if err != nil || len(kept) > len(sent)+100 {
		t.Errorf("%d bytes of %d are kept: %v", len(kept), len(sent), err)
	}
	if again, err := KeptParameter(kept); err != nil || !cmp.Equal(again, p) {
		t.Errorf("%v %s", err, cmp.Diff(p, again))
	}
	if values, err := p.Values.Text(); err != nil || len(values) > len(sent) {
		t.Errorf("%d bytes of values: %v", len(values), err)
	}
}
