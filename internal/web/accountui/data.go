package accountui

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/leaving"
	"parvis/internal/web/kit"
)

// dataPath is the address of what is held about a person.
const dataPath = settingsPath + "/data"

// dataRoutes registers the pages of what is held about a person.
func (u *UI) dataRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+dataPath, u.Site.Handle(u.signedIn(u.askData)))
	mux.Handle("POST "+dataPath+"/page", u.Site.Handle(u.signedIn(u.showData)))
	mux.Handle("POST "+dataPath+"/file", u.Site.Handle(u.signedIn(u.downloadData)))
}

// askData says what is held, to who has just proven who they are.
func (u *UI) askData(c *call) error {
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, dataPath)
	}
	if !fresh {
		return u.prove(c, dataPath)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "data", Title: u.Site.Tr(c.r).T("data.title")})
}

// downloadData answers with the file. It is written as it is read, so that however much
// there is, little of it is in memory.
func (u *UI) downloadData(c *call) error {
	if _, err := u.form(c, "data-file", dataPath); err != nil {
		return err
	}
	data, err := u.Leaving.Data(c.r.Context(), c.visit.Visitor, leaving.File)
	if err != nil {
		return u.refused(c, err, dataPath)
	}
	head := c.w.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	head.Set("Content-Disposition", `attachment; filename="account-data.json"`)
	head.Set("Cache-Control", "no-store")
	if err := data.Write(c.r.Context(), c.w); err != nil {
		u.Site.Log.WarnContext(c.r.Context(), "what is held about a person was not written to its end", "error", err.Error())
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	return nil
}

// newest is how many events the page shows: the file has all of them.
const newest = 100

// dataSection is a part of pages/data-page.html.
type dataSection struct {
	ID    string
	Title string
	Items [][]dataFact
}

// dataFact is one line of it.
type dataFact struct{ Name, Value string }

// dataPage is the data of pages/data-page.html.
type dataPage struct {
	MadeAt   time.Time
	Sections []dataSection
	Newest   int // how many events are shown, when there are more
}

// showData shows what is held on a page, once.
func (u *UI) showData(c *call) error {
	if _, err := u.form(c, "data-page", dataPath); err != nil {
		return err
	}
	data, err := u.Leaving.Data(c.r.Context(), c.visit.Visitor, leaving.Page)
	if err != nil {
		return u.refused(c, err, dataPath)
	}
	words := dataWords{u.Site.Tr(c.r), u.Site.Times(c.r)}
	page := dataPage{MadeAt: data.MadeAt, Sections: words.sections(reflect.ValueOf(data.Data))}
	activity := dataSection{ID: "activity", Title: words.tr.T("data.section.activity")}
	err = data.Activity(c.r.Context(), func(e leaving.Event) (bool, error) {
		if len(activity.Items) == newest {
			page.Newest = newest
			return false, nil
		}
		e.Name = words.event(e)
		activity.Items = append(activity.Items, words.facts(reflect.ValueOf(e)))
		return true, nil
	})
	if err != nil {
		return err
	}
	page.Sections = append(page.Sections, activity)
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "data-page", Title: words.tr.T("data-page.title"), Data: page})
}

// dataWords say what is held in words. Every field of the file is there without being
// named here, so that none can be forgotten; a test wants a word for each.
type dataWords struct {
	tr    *i18n.Tr
	times kit.Times
}

// sections are the parts of the file.
func (d dataWords) sections(v reflect.Value) []dataSection {
	var out []dataSection
	for i := range v.NumField() {
		name := jsonName(v.Type().Field(i))
		s := dataSection{ID: name, Title: d.tr.T("data.section." + name)}
		if part := v.Field(i); part.Kind() == reflect.Slice {
			for k := range part.Len() {
				s.Items = append(s.Items, d.facts(part.Index(k)))
			}
		} else {
			s.Items = append(s.Items, d.facts(part))
		}
		out = append(out, s)
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// facts are the lines of one item: its fields that hold something.
func (d dataWords) facts(v reflect.Value) []dataFact {
	var out []dataFact
	for i := range v.NumField() {
		if value := d.value(v.Field(i).Interface()); value != "" {
			out = append(out, dataFact{d.tr.T("data.field." + jsonName(v.Type().Field(i))), value})
		}
	}
	return out
}

// event names an event in words, as the page of activity does, and by the name of the file.
func (d dataWords) event(e leaving.Event) string {
	key := "activity.event." + e.Name
	if !d.tr.Has(key) {
		return e.Name
	}
	said := d.tr.T(key, "method", e.Data["type"], "channel", e.Data["channel"], "partner", e.Data["issuer"], "service", e.Service)
	return said + " (" + e.Name + ")"
}

// value is a field in words; "" for nothing.
func (d dataWords) value(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return d.times.DateTime(v)
	case []time.Time:
		var all []string
		for _, at := range v {
			all = append(all, d.times.DateTime(at))
		}
		return strings.Join(all, " · ")
	case []leaving.ProofData:
		var all []string
		for _, p := range v {
			all = append(all, p.Method+" ("+d.times.DateTime(p.At)+")")
		}
		return strings.Join(all, " · ")
	case bool:
		if v {
			return d.tr.T("data-page.yes")
		}
		return d.tr.T("data-page.no")
	case i18n.Text:
		return v.In(d.tr.Lang())
	case []string:
		return strings.Join(v, " · ")
	case map[string]string:
		return pairs(v)
	case int:
		return strconv.Itoa(v)
	}
	return reflect.ValueOf(v).String() // identifiers and words of the file
}

// pairs are further facts of an event, in the order of their names.
func pairs(m map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+": "+m[k])
	}
	return strings.Join(all, " · ")
}
