package upstream

import (
	"fmt"
	"strings"
	"unicode"

	"parvis/internal/i18n"
)

// names are what people know a provider by, in every language: its name, and the brand
// that is shown second.
func (p *Provider) names() []string {
	var out []string
	for _, text := range []i18n.Text{p.Name, p.Brand} {
		for _, value := range text {
			out = append(out, value)
		}
	}
	return out
}

// Alike reports that people could take two providers for each other: that a name or
// brand of the one, in any language, looks like one of the other (i18n.Skeleton). A
// logo cannot be compared so; who adds a provider looks at it.
func Alike(a, b *Provider) bool {
	seen := map[string]bool{}
	for _, name := range a.names() {
		if s := i18n.Skeleton(name); s != "" {
			seen[s] = true
		}
	}
	for _, name := range b.names() {
		if seen[i18n.Skeleton(name)] {
			return true
		}
	}
	return false
}

// unlike says that a name looks like another provider's, for operators.
func unlike(p, other *Provider) string {
	return fmt.Sprintf("upstreams[%s].name: the name or the brand looks like that of %q; people could not tell the two apart", p.ID, other.ID)
}

// mixed is a word of a text whose letters come from scripts that no language writes
// together; "" for none.
func mixed(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if i18n.MixedScripts(word) {
			return word
		}
	}
	return ""
}
