package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// envPrefix begins the name of every variable that overrides a setting.
const envPrefix = "PARVIS_"

// otherVariables are read elsewhere and override no setting.
func otherVariable(name string) bool {
	return name == "PARVIS_CONFIG" || strings.HasPrefix(name, "PARVIS_TEST_")
}

// EnvName is the variable that overrides a setting: PARVIS_ and its path in
// capitals, dots as underscores; mail.server.host is PARVIS_MAIL_SERVER_HOST.
func EnvName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// applyEnv lets the environment ("NAME=value") override settings. A variable
// with our prefix that names no setting is an error: it is a typing mistake.
func applyEnv(c *Config, environ []string) []string {
	var problems []string
	settings := map[string]leaf{}
	for _, l := range leaves(reflect.ValueOf(c).Elem(), "") {
		settings[EnvName(l.Path)] = l
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || otherVariable(name) {
			continue
		}
		l, ok := settings[name]
		if !ok {
			problems = append(problems, fmt.Sprintf("environment %s: there is no such setting%s; remove the variable or correct its name", name, suggest(name, keys(settings))))
			continue
		}
		if err := setText(l.Value, value); err != nil {
			problems = append(problems, fmt.Sprintf("environment %s (%s): %v", name, l.Path, err))
		}
	}
	return problems
}

func keys(m map[string]leaf) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// setText sets a scalar or a list of texts from the environment.
func setText(v reflect.Value, text string) error {
	if word, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return word.UnmarshalText([]byte(text))
	}
	if v.Type() == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration; write it as 30m or 12h", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number of 0 or more", text)
		}
		v.SetUint(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.String {
			return fmt.Errorf("a list of this kind can only be given in the file")
		}
		list := reflect.MakeSlice(v.Type(), 0, 4)
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = reflect.Append(list, reflect.ValueOf(part).Convert(v.Type().Elem()))
			}
		}
		v.Set(list)
	default:
		return fmt.Errorf("can only be given in the file")
	}
	return nil
}

// suggest finds the nearest known name, for mistakes of typing.
func suggest(name string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := edits(name, k, distance); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// edits is the number of letters to change, add or drop between two names, at most limit.
func edits(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next := min(row[j]+1, row[j-1]+1, diagonal+cost)
			diagonal, row[j] = row[j], next
		}
	}
	return row[len(b)]
}
