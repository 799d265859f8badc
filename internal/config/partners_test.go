package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fishing = `id: fishing
name: {en: Fishing, fr: Pêche}
department: {en: Natural Resources, fr: Ressources naturelles}
redirect_uris: [http://127.0.0.1:9190/callback]
`

// listed is a text as an entry of a list.
func listed(text string) string {
	return "- " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

func TestPartnersAreReadInEveryShapeTheyAreWrittenIn(t *testing.T) {
	hunting := strings.ReplaceAll(fishing, "fishing", "hunting")
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"as in the configuration": {"partners:\n" + listed(fishing) + listed(hunting), 2},
		"a list":                  {listed(fishing) + listed(hunting), 2},
		"one alone":               {fishing, 1},
	} {
		got, err := ParsePartners("team.yaml", []byte(c.text))
		if err != nil || len(got) != c.want || got[0].ID != "fishing" || got[0].Name["fr"] != "Pêche" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestAWrongFileOfPartnersIsRefusedWithFileAndField(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {"", []string{"the file is empty"}},
		"an empty list":   {"partners: []", []string{"partners: the list is empty"}},
		"no list":         {"hello", []string{`line 1: write services as in the configuration: a list below "partners:"`}},
		"no YAML":         {"partners: [", []string{"line 1: "}},
		"unknown keys":    {"partners:\n" + listed(fishing+"redirect_uri: x\nscope: y\n"), []string{"line 6: partners[0].redirect_uri: there is no such setting; did you mean partners[0].redirect_uris?", "line 7: partners[0].scope"}},
		"of one alone":    {fishing + "clientid: x\n", []string{"line 5: clientid: there is no such setting"}},
		"a whole file":    {"server: {listen: x}\npartners: []\n", []string{"line 1: server: there is no such setting"}},
		"a wrong kind":    {fishing + "max_age: soon\n", []string{`line 5: "soon" cannot be read as duration`}},
		"a text for one":  {"partners: [fishing]", []string{`line 1: "fishing" cannot be read as table`}},
		"wrong values":    {strings.NewReplacer("http://127.0.0.1:9190", "http://fishing.example.org", "id: fishing", "id: a b").Replace(fishing), []string{"partners[a b].id", "partners[a b].redirect_uris"}},
		"one id twice":    {listed(fishing) + listed(fishing), []string{"partners[fishing].id: two partners have this id"}},
		"no secret file":  {fishing + "secret_file: nowhere\n", []string{"partners[0].secret_file: "}},
		"a short secret":  {fishing + "secret: abc\n", []string{"partners[fishing].secret: must have 32 to 512"}},
		"more than a lot": {strings.Repeat("#", MaxPartners+1), []string{"more than 1048576 bytes"}},
	} {
		_, err := ParsePartners("team.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), "team.yaml cannot be used") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if all := problemsOf(t, err); !strings.Contains(all, want) {
				t.Errorf("%s: want %q in\n%s", name, want, all)
			}
		}
	}
}

func TestASecretOfAPartnerIsReadFromItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(strings.Repeat("s", 40)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ParsePartners("team.yaml", []byte(fishing+"secret_file: "+file+"\n"))
	if err != nil || got[0].Secret != strings.Repeat("s", 40) {
		t.Errorf("%+v %v", got, err)
	}
}

func FuzzAFileOfPartnersNeverPanics(f *testing.F) {
	f.Add([]byte(fishing))
	f.Add([]byte("partners:\n" + listed(fishing)))
	f.Add([]byte("- &a {id: x, name: *a}"))
	f.Add([]byte("partners: {<<: [1]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		partners, err := ParsePartners("team.yaml", text)
		if err == nil && len(partners) == 0 {
			t.Error("no services and no problem")
		}
	})
}

func TestOnePartnerIsReadAloneOrAsTheOnlyOneOfAList(t *testing.T) {
	for name, text := range map[string]string{
		"alone":                   fishing,
		"a list":                  listed(fishing),
		"as in the configuration": "partners:\n" + listed(fishing),
	} {
		got, err := ParsePartner("service.yaml", []byte(text))
		if err != nil || got.ID != "fishing" || got.Name["fr"] != "Pêche" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for text, want := range map[string]string{
		"partners: []":                           "line 1: there are 0 services in this list; give one at a time",
		listed(fishing) + listed(fishing):        "line 1: there are 2 services in this list; give one at a time",
		"partners:\n" + listed(fishing+"x: 1\n"): "line 6: x: there is no such setting",
		"server: {}\npartners: []\n":             "line 1: server: there is no such setting",
	} {
		_, err := ParsePartner("service.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
