package kit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parvis/internal/fault"
	"parvis/internal/secret"
)

// tokenField is the hidden field of the form token.
const tokenField = "form_token"

// maxFields bounds how many fields a form may have.
const maxFields = 100

// Form holds what was typed and what is wrong with it. The zero Form is an empty one.
type Form struct {
	values map[string]string
	// Errors are shown in the summary, in order, and beside their fields.
	Errors []FormError
}

// FormError is one thing to correct.
type FormError struct {
	Field string        // name of the field; "" when it is about none
	Key   string        // catalogue key
	Args  []any         // its placeholders: name, value …
	After time.Duration // how long to wait, shown as {{.wait}}; 0: the text has no such placeholder
}

// NewForm makes a form with values already filled in: name, value, name, value ….
func NewForm(pairs ...string) *Form {
	f := &Form{values: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.values[pairs[i]] = pairs[i+1]
	}
	return f
}

// Get is the value of a field, "" when it was not sent.
func (f *Form) Get(name string) string {
	if f == nil {
		return ""
	}
	return f.values[name]
}

// Set changes the value that a field shows.
func (f *Form) Set(name, value string) {
	if f.values == nil {
		f.values = map[string]string{}
	}
	f.values[name] = value
}

// Has reports whether a field was sent, as a ticked checkbox is.
func (f *Form) Has(name string) bool {
	_, ok := f.values[name]
	return ok
}

// Fail notes what is wrong with a field.
func (f *Form) Fail(field, key string, args ...any) {
	f.Errors = append(f.Errors, FormError{Field: field, Key: key, Args: args})
}

// FailWith notes an error that a person can correct on this page (fault kinds
// invalid, denied, expired and conflict that name a field) and says that it did;
// false: the error must be returned.
func (f *Form) FailWith(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Field == "" || e.Kind == fault.Internal || e.Kind == fault.Unavailable {
		return false
	}
	f.Errors = append(f.Errors, FormError{Field: e.Field, Key: e.Key, Args: e.Args, After: e.RetryAfter})
	return true
}

// FailThrottled notes that the person must wait before sending this form again
// (fault kind throttled), tells the browser how long, and says that it did: show
// the form again with status 429, with what was typed. The words are those of the
// fault, under "<key>-soon" when nobody knows how long. false: err is another error.
func (f *Form) FailThrottled(w http.ResponseWriter, err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Throttled {
		return false
	}
	key := e.Key
	if key == "error.throttled" { // a limit that has no words of its own
		key = "error.error-429.what"
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", wholeSeconds(e.RetryAfter))
	} else {
		key += "-soon"
	}
	f.Errors = append(f.Errors, FormError{Key: key, After: e.RetryAfter})
	return true
}

// Unbind keeps what is wrong with some fields and takes it from them: for a page
// that has not these fields any more.
func (f *Form) Unbind(fields ...string) {
	if f == nil {
		return
	}
	for i := range f.Errors {
		if slices.Contains(fields, f.Errors[i].Field) {
			f.Errors[i].Field = ""
		}
	}
}

// OK reports whether nothing is wrong so far.
func (f *Form) OK() bool { return f == nil || len(f.Errors) == 0 }

// Of is the first error of a field, nil when there is none.
func (f *Form) Of(field string) *FormError {
	if f == nil {
		return nil
	}
	for i := range f.Errors {
		if f.Errors[i].Field == field {
			return &f.Errors[i]
		}
	}
	return nil
}

// Form reads a posted form of this site: ReadForm, and the form's token must be
// this browser's. Name is the form's id.
func (s *Site) Form(w http.ResponseWriter, r *http.Request, name string) (*Form, error) {
	f, err := ReadForm(w, r)
	if err != nil {
		return nil, err
	}
	browser := Browser(r)
	if browser == "" {
		return nil, &pageFault{page: "cookies-off", status: http.StatusBadRequest}
	}
	if !secret.Equal([]byte(f.Get(tokenField)), []byte(s.FormToken(browser, name))) {
		return nil, &pageFault{page: "too-old", status: http.StatusBadRequest}
	}
	return f, nil
}

// OwnForm is Form for a form that acts on what its page shows of the person who is
// signed in (Scene.Person): when somebody else signed in meanwhile in another tab of
// the browser, it is refused like one that is too old.
func (s *Site) OwnForm(w http.ResponseWriter, r *http.Request, name string) (*Form, error) {
	return s.Form(w, r, SceneOf(r).own(name))
}

// own names a form for the token of who is signed in.
func (c *Scene) own(form string) string {
	if c.Person == "" {
		return form
	}
	return form + " " + c.Person
}

// FormToken is the token of a form for one browser, as it stands in the hidden field.
func (s *Site) FormToken(browser, name string) string {
	return base64.RawURLEncoding.EncodeToString(s.Keys.FormToken(browser, name))
}

// ReadForm reads a posted form: application/x-www-form-urlencoded only, within
// the cap set by Wrap (64 kB), each field once, valid UTF-8, no NUL. It checks no
// token: only endpoints that other sites may post to call it directly.
func ReadForm(_ http.ResponseWriter, r *http.Request) (*Form, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &pageFault{page: "error", status: http.StatusUnsupportedMediaType}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, formCap))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &pageFault{page: "error", status: http.StatusRequestEntityTooLarge}
		}
		return nil, badForm(err)
	}
	return ParseForm(string(raw))
}

// formCap is the most that a form may have, in bytes.
const formCap = 64 << 10

// ParseForm parses urlencoded text under the rules of ReadForm.
func ParseForm(raw string) (*Form, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badForm(err)
	}
	if len(values) > maxFields {
		return nil, badForm(fmt.Errorf("%d fields", len(values)))
	}
	f := &Form{values: make(map[string]string, len(values))}
	for name, all := range values {
		if len(all) != 1 {
			return nil, badForm(fmt.Errorf("field %.40q stands %d times", name, len(all)))
		}
		if !cleanText(name) || !cleanText(all[0]) {
			return nil, badForm(fmt.Errorf("field %.40q is not clean text", name))
		}
		f.values[name] = all[0]
	}
	return f, nil
}

func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func badForm(err error) error {
	return fault.Wrap(fault.Invalid, "error.400.form", fmt.Errorf("kit: form: %w", err))
}
