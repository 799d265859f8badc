package portal

import (
	"parvis/internal/i18n"
	"parvis/internal/policy"
)

// Method is a second step that the deployment offers, as the public page tells of it.
type Method struct {
	ID       string // for addresses within the page
	Title    string
	What     string
	Needs    string
	Strength string
	Bars     int    // of three; 0: only in words
	Word     string // for the bars
	Know     string // what is good to know
}

// methods are the second steps that are offered and that there are words for, as
// they are recommended. A code by e-mail stands on the page in any case, with the
// other messages to the address.
func (n Numbers) methods(tr *i18n.Tr) []Method {
	var out []Method
	for _, m := range n.Methods {
		if m == policy.Email || !tr.Has("methods."+string(m)) {
			continue
		}
		key := "methods." + string(m)
		bars, word := strength(tr, m)
		out = append(out, Method{
			ID: string(m), Title: tr.T(key), What: tr.T(key+".what", "duration", tr.Duration(n.CodeValid)),
			Needs: tr.T(key + ".needs"), Strength: tr.T(key + ".strength"), Know: tr.T(key + ".know"), Bars: bars, Word: word,
		})
	}
	return out
}

// strength is how strong a method is: bars of three, and a word; none for codes on
// paper, which are as strong as the place where they are kept.
func strength(tr *i18n.Tr, m policy.Method) (bars int, word string) {
	switch {
	case m == policy.Backup:
		return 0, ""
	case m.Worth() >= policy.AAL2PhishingResistant:
		return 3, tr.T("methods.strongest")
	case m.Worth() == policy.AAL2 && m.Restricted():
		return 2, tr.T("methods.good")
	case m.Worth() == policy.AAL2:
		return 2, tr.T("methods.strong")
	default:
		return 1, tr.T("methods.basic")
	}
}
