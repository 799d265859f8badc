package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"parvis/internal/authenticator/password/breached"
	"parvis/internal/i18n"
	"parvis/internal/place"
)

// presetOf finds the preset before anything else is read, since all else is read
// over it. It is one of the presets also when another one is asked for.
func presetOf(text []byte, environ []string) (name string, problems []string) {
	var head struct {
		Preset string `yaml:"preset"`
	}
	_ = yaml.Unmarshal(text, &head) // mistakes are reported when the whole file is read
	name, at := head.Preset, "preset"
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, EnvName("preset")+"="); ok {
			name, at = value, "environment "+EnvName("preset")+" (preset)"
		}
	}
	switch {
	case name == "":
		return Presets()[0], nil
	case !slices.Contains(Presets(), name):
		return Presets()[0], []string{fmt.Sprintf("%s: %q is not known; choose %s", at, name, strings.Join(Presets(), ", "))}
	}
	return name, nil
}

// readSecretFiles fills each setting that has a neighbour whose name ends in
// _file from that file: its first line, without the line's end; all of it where the
// setting's tag says file:"whole", or file:"public" for what is no secret.
func readSecretFiles(v reflect.Value, path string) []string {
	var problems []string
	byName, kinds := map[string]reflect.Value{}, map[string]string{}
	for i := range v.NumField() {
		name, inline, ok := yamlName(v.Type().Field(i))
		if !ok {
			continue
		}
		value := v.Field(i)
		byName[name], kinds[name] = value, v.Type().Field(i).Tag.Get("file")
		at := join(path, name)
		if inline {
			at = path
		}
		switch {
		case value.Kind() == reflect.Struct:
			problems = append(problems, readSecretFiles(value, at)...)
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct:
			for n := range value.Len() {
				problems = append(problems, readSecretFiles(value.Index(n), fmt.Sprintf("%s[%d]", at, n))...)
			}
		}
	}
	for name, file := range byName {
		target, ok := byName[strings.TrimSuffix(name, "_file")]
		if !strings.HasSuffix(name, "_file") || !ok || target.Kind() != reflect.String || file.Kind() != reflect.String || file.String() == "" {
			continue
		}
		at := join(path, name)
		if target.String() != "" {
			problems = append(problems, fmt.Sprintf("%s: give either this or %s, not both", at, strings.TrimSuffix(name, "_file")))
			continue
		}
		read := readSecret
		switch kinds[strings.TrimSuffix(name, "_file")] {
		case "whole":
			read = readSecretWhole
		case "public":
			read = readPublic
		}
		text, err := read(file.String())
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", at, err))
			continue
		}
		target.SetString(text)
	}
	slices.Sort(problems)
	return problems
}

// maxSecret and maxPublic are the longest files of a secret and of what is none, in bytes.
const (
	maxSecret = 64 << 10
	maxPublic = 512 << 10
)

// readPublic reads the whole file of what everybody may read, such as certificates.
func readPublic(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxPublic || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: no file of at most %d bytes", path, maxPublic)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return string(text), nil
}

// readSecretWhole reads the whole file of a secret of several lines, such as a key
// in PEM, and refuses one that everybody may read.
func readSecretWhole(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s may be read or written by everybody (mode %04o); run: chmod 0600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("%s: more than %d bytes", path, maxSecret)
	}
	return string(text), nil
}

// readSecret is the first line of a secret's file, without the line's end.
func readSecret(path string) (string, error) {
	text, err := readSecretWhole(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimRight(line, "\r")
	if line == "" {
		return "", fmt.Errorf("%s: its first line is empty; write the secret there", path)
	}
	return line, nil
}

// Problems lists everything that must be changed, each with the path of the setting.
func (c *Config) Problems() []string {
	var out []string
	for _, s := range c.sections() {
		for _, p := range s.problems {
			out = append(out, s.name+"."+p)
		}
	}
	out = append(out, c.Keys.problems()...)
	out = append(out, c.together()...)
	for _, p := range c.Table().Problems() {
		out = append(out, "policy."+p)
	}
	out = append(out, partnerProblems(c.Partners)...)
	for _, p := range c.Partners {
		out = append(out, c.Demands(p)...)
	}
	out = append(out, upstreamProblems(c.Upstreams)...)
	return out
}

// together are the rules between settings of different sections.
func (c *Config) together() []string {
	var out []string
	if len(c.Languages) == 0 {
		out = append(out, "languages: offer at least one, for example [en, fr]")
	}
	seen := map[string]bool{}
	for _, l := range c.Languages {
		if !slices.Contains(i18n.Langs(), i18n.Lang(l)) {
			out = append(out, fmt.Sprintf("languages: %q is not known; choose among %v", l, i18n.Langs()))
		}
		if seen[l] {
			out = append(out, fmt.Sprintf("languages: %q stands there twice", l))
		}
		seen[l] = true
	}
	if c.Deployment.Owner.Empty() {
		out = append(out, "deployment.owner: say in each language who runs the service, for example {en: Government of Northland, fr: Gouvernement du Northland}")
	}
	if c.Texts.Templated() {
		for _, lang := range c.Texts.Templates.Missing(c.Langs()) {
			out = append(out, fmt.Sprintf("texts.templates.%s: give the id of the template in this language", lang))
		}
	}
	for _, lang := range i18n.Langs() {
		if c.Public.ContactDesk == "" && c.Deployment.Links.Contact[string(lang)] == "" {
			out = append(out, fmt.Sprintf("public.contact_desk: give the address that contact forms go to, or set deployment.links.contact.%s to a page of your own", lang))
			break
		}
	}
	return out
}

// Langs are the languages offered, the default first.
func (c *Config) Langs() []i18n.Lang {
	out := make([]i18n.Lang, len(c.Languages))
	for i, l := range c.Languages {
		out[i] = i18n.Lang(l)
	}
	return out
}

// breachedProblems opens the file of breached passwords, as the start does.
func breachedProblems(path string) []string {
	if path == "" {
		return nil
	}
	f, err := breached.Open(path)
	if err != nil {
		return []string{fmt.Sprintf("breached_file: %v; `parvis breached build` makes one", err)}
	}
	if err := f.Close(); err != nil {
		return []string{fmt.Sprintf("breached_file: %v", err)}
	}
	return nil
}

// placeProblems opens the file of places, as the start does.
func placeProblems(path string) []string {
	if path == "" {
		return nil
	}
	if _, err := place.Open(path); err != nil {
		return []string{fmt.Sprintf("place_database: %v; put a file in the MaxMind DB format there, or leave the setting empty", err)}
	}
	return nil
}
