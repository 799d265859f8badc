package xmlsec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCanonicalFormIsTheOneOfLibxml2(t *testing.T) {
	files, err := filepath.Glob("testdata/c14n/*.xml")
	if err != nil || len(files) < 5 {
		t.Fatalf("only %d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, ".xml") + ".c14n")
		if err != nil {
			t.Fatal(err)
		}
		e, err := Read(raw, MetadataLimits())
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		// xmllint writes text outside of the root, of which there is none, as nothing.
		if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
			t.Errorf("%s:\n%s\nlibxml2 writes\n%s", file, got, want)
		}
	}
}

// The examples of Exclusive XML Canonicalization 1.0, section 2.2, and the
// inclusive prefixes of section 3.
func TestTheSpecificationsExamplesOfExclusiveCanonicalization(t *testing.T) {
	const want = "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\">\n     <n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff>\n  </n1:elem2>"
	const inner = "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\">\n     <n3:stuff xmlns:n3=\"ftp://example.org\"/>\n  </n1:elem2>"
	for _, outer := range []string{
		`<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org">` + inner + `</n0:local>`,
		`<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain">` + inner + `</n2:pdu>`,
	} {
		got, err := read(t, outer).Elements()[0].Canonical()
		if err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
	e := read(t, `<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><b xmlns:q="urn:q"><p:c xmlns=""/></b></a>`).Elements()[0]
	for _, example := range []struct {
		prefixes []string
		want     string
	}{
		{nil, `<b xmlns="urn:d"><p:c xmlns:p="urn:p"></p:c></b>`},
		{[]string{"q"}, `<b xmlns="urn:d" xmlns:q="urn:q"><p:c xmlns:p="urn:p"></p:c></b>`},
		{[]string{"p", "unbound"}, `<b xmlns="urn:d" xmlns:p="urn:p"><p:c></p:c></b>`},
		{[]string{""}, `<b xmlns="urn:d"><p:c xmlns="" xmlns:p="urn:p"></p:c></b>`},
	} {
		if got, err := e.canonical(nil, example.prefixes); err != nil || string(got) != example.want {
			t.Errorf("with %q: %s, %v", example.prefixes, got, err)
		}
	}
}

func TestALongNamespaceDoesNotMakeALongCanonicalForm(t *testing.T) {
	var text strings.Builder
	text.WriteString(`<r xmlns:a="urn:` + strings.Repeat("a", 250) + `">`)
	for range 4000 {
		text.WriteString(`<a:b/>`)
	}
	text.WriteString(`</r>`)
	if got, err := read(t, text.String()).Canonical(); err == nil {
		t.Errorf("%d bytes became %d", text.Len(), len(got))
	}
}
