package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// hyphens lets values begin with a hyphen, as identifiers that are random do now and then: a
// word of one hyphen and more than one letter is no flag here, where all but -h have long
// names. It joins such a value to the flag before it, and puts one that belongs to no flag
// behind "--".
func hyphens(model *kong.Node, args []string) []string {
	var out, last []string
	for i, arg := range args {
		if arg == "--" {
			return slices.Concat(out, []string{"--"}, last, args[i+1:])
		}
		switch {
		case len(arg) <= 2 || arg[0] != '-' || arg[1] == '-':
			out = append(out, arg)
		case len(out) > 0 && takesValue(model, out[len(out)-1]):
			out[len(out)-1] += "=" + arg
		default:
			last = append(last, arg)
		}
	}
	if last == nil {
		return out
	}
	return slices.Concat(out, []string{"--"}, last)
}

// takesValue reports whether a word is a flag of some command that waits for its value.
func takesValue(n *kong.Node, word string) bool {
	name, is := strings.CutPrefix(word, "--")
	if !is || strings.Contains(name, "=") {
		return false
	}
	for _, f := range n.Flags {
		if f.Name == name && !f.IsBool() && !f.IsCounter() {
			return true
		}
	}
	return slices.ContainsFunc(n.Children, func(c *kong.Node) bool { return takesValue(c, word) })
}
