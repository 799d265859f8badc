package config

import (
	"fmt"
	"strings"
)

// Docs is the documentation of every setting, as Markdown: docs/configuration.md.
func Docs() string { return docs(fieldsJSON) }

func docs(fields []byte) string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Generated from the comments of the settings by "go generate ./internal/config". Do not edit. -->

One YAML file holds every setting. ` + "`parvis init` writes one with comments and makes the keys; `parvis config check`" + `
tells what is missing or unsafe, each with the setting to change; ` + "`parvis config show`" + ` prints what is in force,
secrets masked. A key that no setting has is an error.

- **Presets** set every number at once: ` + "`preset: parvis`" + ` (NIST SP 800-63-4, the default), ` + "`ontario`" + ` or ` + "`logingov`" + `.
  A setting in the file wins over the preset; the tables show the values of parvis, and those of the others where they differ.
- **Environment**: every setting below that is no table can be overridden by a variable: ` + "`PARVIS_`" + ` and its path in capitals
  with underscores; ` + "`mail.server.host` is `PARVIS_MAIL_SERVER_HOST`" + `. Lists are separated by commas.
- **Secrets** can stand in files: the setting whose name ends in ` + "`_file`" + ` names it. The first line counts.
- **Durations** are written as 90s, 30m, 12h; there are no days: 30 days are 720h.
- **Text per language** is a table such as ` + "`{en: Fishing licences, fr: Permis de pêche}`" + `.
`)
	open := false
	for _, s := range settingDocs(fields) {
		switch {
		case s.Section:
			level := 2 + strings.Count(s.Path, ".")
			fmt.Fprintf(&b, "\n%s %s\n", strings.Repeat("#", min(level, 4)), s.Path)
			if s.Doc != "" {
				b.WriteString("\n" + s.Doc + "\n")
			}
			if s.List {
				b.WriteString("\nA list; each entry has:\n")
			}
			open = false
		default:
			if !open {
				b.WriteString("\n| setting | kind | default | meaning |\n|---|---|---|---|\n")
				open = true
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Path, s.Type, s.defaultText(), cell(s.Doc))
		}
	}
	return b.String()
}

// defaultText is the value of the first preset, and those of others that differ.
func (s settingDoc) defaultText() string {
	base := s.Defaults[Presets()[0]]
	var out []string
	if base != "" && base != "[]" && base != "map[]" && base != "{}" {
		out = append(out, "`"+base+"`")
	}
	if s.Path == "preset" {
		return out[0]
	}
	for _, name := range Presets()[1:] {
		if v := s.Defaults[name]; v != base {
			out = append(out, name+": `"+v+"`")
		}
	}
	return strings.Join(out, "<br>")
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
