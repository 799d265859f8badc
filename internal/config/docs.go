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
  A setting in the file wins over the preset; the table names the value of each preset where they differ.
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

// defaultText is the value of all presets, or of each where they differ.
func (s settingDoc) defaultText() string {
	first, same := "", true
	for i, name := range Presets() {
		v := s.Defaults[name]
		if i == 0 {
			first = v
		}
		same = same && v == first
	}
	if same {
		if first == "" || first == "[]" || first == "map[]" || s.Defaults == nil {
			return ""
		}
		return "`" + first + "`"
	}
	parts := make([]string, 0, 3)
	for _, name := range Presets() {
		v := s.Defaults[name]
		if v == "" {
			v = "–"
		}
		parts = append(parts, fmt.Sprintf("%s: `%s`", name, v))
	}
	return strings.Join(parts, "<br>")
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
