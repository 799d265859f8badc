package config

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"parvis/internal/relyingparty"
)

// MaxPartners is the largest file of partner services in bytes.
const MaxPartners = 1 << 20

// ParsePartner reads one partner service from a file of its own, with the same
// rules for unknown keys as the configuration: alone, or the only one of a list
// as ParsePartners takes it. It checks no more, because flags may complete it.
func ParsePartner(path string, text []byte) (relyingparty.Settings, error) {
	var s relyingparty.Settings
	root, problems := rootOf(text)
	if problems == nil {
		root, problems = onlyOne(root)
	}
	if problems == nil {
		problems = decodeNode(root, &s)
	}
	if len(problems) > 0 {
		return relyingparty.Settings{}, &Error{Path: path, Problems: problems}
	}
	return s, nil
}

// onlyOne finds the service in a file that may hold a list with nothing else in it.
func onlyOne(root *yaml.Node) (*yaml.Node, []string) {
	list := root
	if root.Kind == yaml.MappingNode && len(root.Content) == 2 && root.Content[0].Value == "partners" {
		list = root.Content[1]
	}
	if list.Kind != yaml.SequenceNode {
		return root, nil
	}
	if n := len(list.Content); n != 1 {
		return nil, []string{fmt.Sprintf("line %d: there are %d services in this list; give one at a time", list.Line, n)}
	}
	return list.Content[0], nil
}

// ParsePartners reads a file with partner services of the same shape as partners
// in the configuration: a list below "partners:", the list alone, or one service
// alone. It reads the secret files and checks everything: the error is an *Error
// with all problems.
func ParsePartners(path string, text []byte) ([]relyingparty.Settings, error) {
	var file struct {
		Partners []relyingparty.Settings `yaml:"partners"`
	}
	root, problems := rootOf(text)
	switch {
	case problems != nil:
	case root.Kind == yaml.SequenceNode:
		problems = decodeNode(root, &file.Partners)
	case root.Kind != yaml.MappingNode:
		problems = []string{fmt.Sprintf("line %d: write services as in the configuration: a list below \"partners:\"", root.Line)}
	case !has(root, "partners"):
		file.Partners = make([]relyingparty.Settings, 1)
		problems = decodeNode(root, &file.Partners[0])
	default:
		problems = decodeNode(root, &file)
	}
	if len(problems) == 0 {
		problems = append(problems, readSecretFiles(reflect.ValueOf(&file).Elem(), "")...)
		problems = append(problems, partnerProblems(file.Partners)...)
	}
	if len(problems) == 0 && len(file.Partners) == 0 {
		problems = append(problems, "partners: the list is empty; describe at least one service")
	}
	if len(problems) > 0 {
		return nil, &Error{Path: path, Problems: problems}
	}
	return file.Partners, nil
}

// partnerProblems are those of each partner, and of their ids together.
func partnerProblems(partners []relyingparty.Settings) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range partners {
		if seen[p.ID] {
			out = append(out, fmt.Sprintf("partners[%s].id: two partners have this id; give each its own", p.ID))
		}
		seen[p.ID] = true
		out = append(out, p.Problems()...)
	}
	return out
}

// rootOf is the one value of a YAML text.
func rootOf(text []byte) (*yaml.Node, []string) {
	var node yaml.Node
	if len(text) > MaxPartners {
		return nil, []string{fmt.Sprintf("the file has more than %d bytes", MaxPartners)}
	}
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(node.Content) == 0 {
		return nil, []string{"the file is empty"}
	}
	return node.Content[0], nil
}

// decodeNode reads a value and lists unknown keys and what cannot be read.
func decodeNode(node *yaml.Node, into any) []string {
	path := ""
	if node.Kind == yaml.SequenceNode {
		path = "partners"
	}
	if problems := unknown(node, reflect.TypeOf(into).Elem(), path); len(problems) > 0 {
		return problems
	}
	if err := node.Decode(into); err != nil {
		return plainYAMLs(err)
	}
	return nil
}

func has(node *yaml.Node, key string) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return true
		}
	}
	return false
}
