package operatorapi

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/operator"
	"parvis/internal/registrar"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// partner answers an examination with what it is told.
type partner struct{ findings []upstream.Finding }

func (*partner) Begin(context.Context, *upstream.Provider, upstream.Ask) (upstream.Request, error) {
	return upstream.Request{}, nil
}

func (*partner) Finish(context.Context, *upstream.Provider, upstream.Pending, upstream.Answer) (upstream.Assertion, error) {
	return upstream.Assertion{}, nil
}
func (*partner) Probe(context.Context, *upstream.Provider, bool) error { return nil }
func (p *partner) Examine(context.Context, *upstream.Provider) []upstream.Finding {
	return p.findings
}

// desk is the API on one database, with a key that may write and one that may read.
type desk struct {
	*testing.T

	db          *db.DB
	api         *API
	handler     http.Handler
	partner     *partner
	write, read string
	log         *bytes.Buffer
}

func each(t *testing.T, test func(d *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(open(t, d)) })
}

func open(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	trail := &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}
	file := upstream.Settings{
		ID: "province", Name: i18n.Text{"en": "The province", "fr": "La province"}, Issuer: "https://sign-in.province.example",
		OIDC: upstream.OIDCSettings{ClientID: "northland"},
	}
	fromFile, problems := upstream.FromFile([]upstream.Settings{file})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	out := &desk{T: t, db: d, partner: &partner{}, log: &bytes.Buffer{}}
	r := &upstream.Registry{
		DB: d, Keys: k, Now: func() time.Time { return time.Now() }, File: fromFile,
		Consumers: map[upstream.Protocol]upstream.Consumer{upstream.OIDC: out.partner},
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.api = &API{
		Tokens: registrar.Tokens{Audit: trail, Langs: i18n.Langs()},
		DB:     d, Keys: operator.Keys{Audit: trail}, Registry: r, Store: upstream.Store{Registry: r, Audit: trail}, File: []upstream.Settings{file},
		Audit: trail, Texts: texts, Log: slog.New(slog.NewTextHandler(out.log, nil)), BaseURL: "https://sign-in.example.org", Langs: i18n.Langs(),
	}
	out.write, out.read = out.key("terraform", operator.WriteUpstreams), out.key("watcher", operator.ReadUpstreams)
	mux := http.NewServeMux()
	out.api.Routes(mux)
	out.handler = mux
	return out
}

func (d *desk) key(name string, scopes ...operator.Scope) string {
	d.Helper()
	draft := operator.NewDraft(name, scopes, time.Hour)
	if err := d.db.Write(d.Context(), func(tx *db.Tx) error { return d.api.Keys.Add(tx, draft) }); err != nil {
		d.Fatal(err)
	}
	return draft.Token
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   struct {
		shown

		Upstreams []shown            `json:"upstreams"`
		Title     string             `json:"title"`
		Problems  []string           `json:"problems"`
		OK        bool               `json:"ok"`
		Findings  []upstream.Finding `json:"findings"`
	}
}

func (d *desk) ask(key, method, path, body string, headers ...string) answer {
	d.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	out := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil && w.Code != http.StatusOK {
		d.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return out
}

const bank = `{"settings": {"id": "bank", "name": {"en": "The bank", "fr": "La banque"}, "issuer": "https://sign-in.bank.example",
	"max_age": 900, "worth": {"cap": "two-steps"}, "oidc": {"client_id": "parvis"}}, "credentials": {"secret": "canary-of-the-bank"}}`

func TestASignInPartnerIsAddedChangedDisabledAndEnabled(t *testing.T) {
	each(t, func(d *desk) {
		made := d.ask(d.write, "POST", "/api/v1/upstreams", bank)
		if made.status != http.StatusCreated || made.header.Get("Location") != "/api/v1/upstreams/bank" || made.header.Get("ETag") == "" ||
			made.body.RedirectURI != "https://sign-in.example.org/partner/bank/callback" || made.body.Settings.MaxAge != 900 ||
			!slices.Equal(made.body.Credentials, []string{"secret"}) || made.body.Source != "database" {
			d.Fatalf("%d %v %s", made.status, made.header, made.text)
		}
		if p, err := d.api.Registry.Get(d.Context(), "bank"); err != nil || p.MaxAge != 15*time.Minute || p.Client.Secret != "canary-of-the-bank" {
			d.Errorf("this node does not know it: %v %v", p, err)
		}
		if again := d.ask(d.write, "POST", "/api/v1/upstreams", bank); again.status != http.StatusConflict {
			d.Errorf("added twice: %d %s", again.status, again.text)
		}
		list := d.ask(d.read, "GET", "/api/v1/upstreams", "")
		if len(list.body.Upstreams) != 2 || list.body.Upstreams[0].Source == list.body.Upstreams[1].Source {
			d.Errorf("%s", list.text)
		}

		changed := strings.Replace(strings.Replace(bank, `"max_age": 900`, `"order": 7`, 1), `"secret": "canary-of-the-bank"`, "", 1)
		put := d.ask(d.write, "PUT", "/api/v1/upstreams/bank", changed, "If-Match", made.header.Get("ETag"))
		if put.status != http.StatusOK || put.body.Settings.Order != 7 || put.body.Settings.MaxAge != 0 || !slices.Equal(put.body.Credentials, []string{"secret"}) ||
			put.header.Get("ETag") == made.header.Get("ETag") {
			d.Errorf("%d %s", put.status, put.text)
		}
		if late := d.ask(d.write, "PUT", "/api/v1/upstreams/bank", bank, "If-Match", made.header.Get("ETag")); late.status != http.StatusPreconditionFailed {
			d.Errorf("a change that somebody else had overtaken: %d %s", late.status, late.text)
		}
		other := strings.Replace(changed, "sign-in.bank.example", "elsewhere.example", 1)
		if moved := d.ask(d.write, "PUT", "/api/v1/upstreams/bank", other); moved.status != http.StatusConflict {
			d.Errorf("another issuer: %d %s", moved.status, moved.text)
		}
		if named := d.ask(d.write, "PUT", "/api/v1/upstreams/other", bank); named.status != http.StatusUnprocessableEntity {
			d.Errorf("two names: %d %s", named.status, named.text)
		}
		if a := d.ask(d.write, "POST", "/api/v1/upstreams/bank/disable", ""); a.status != http.StatusOK || !a.body.Disabled {
			d.Errorf("disable: %d %s", a.status, a.text)
		}
		if p, err := d.api.Registry.Get(d.Context(), "bank"); err != nil || !p.Disabled {
			d.Errorf("this node lets people in: %v", err)
		}
		if a := d.ask(d.write, "POST", "/api/v1/upstreams/bank/enable", ""); a.status != http.StatusOK || a.body.Disabled {
			d.Errorf("enable: %d %s", a.status, a.text)
		}
		for _, path := range []string{"/api/v1/upstreams/province", "/api/v1/upstreams/nobody"} {
			for _, a := range []answer{d.ask(d.write, "POST", path+"/disable", ""), d.ask(d.write, "PUT", path, strings.Replace(bank, `"id": "bank", `, "", 1))} {
				if a.status != http.StatusConflict && a.status != http.StatusNotFound {
					d.Errorf("%s: %d %s", path, a.status, a.text)
				}
			}
		}
		if strings.Contains(made.text+put.text+list.text+d.log.String(), "canary") {
			d.Error("a credential was answered or logged")
		}
	})
}

// Who may only read must not be able to try secrets against an answer.
func TestAnEntityTagTellsNothingOfASecret(t *testing.T) {
	each(t, func(d *desk) {
		d.ask(d.write, "POST", "/api/v1/upstreams", bank)
		mark := d.ask(d.read, "GET", "/api/v1/upstreams/bank", "").header.Get("ETag")
		var s upstream.Settings
		err := d.db.Read(d.Context(), func(tx *db.Tx) (err error) {
			s, err = d.api.Store.Settings(tx, "bank")
			return err
		})
		if err != nil {
			d.Fatal(err)
		}
		own, err := d.api.tag(s)
		if err != nil || own != mark {
			d.Fatalf("%s %s %v", own, mark, err)
		}
		other, err := secret.NewKeys(make([]byte, secret.RootBytes), bytes.Repeat([]byte{2}, secret.RootBytes))
		if err != nil {
			d.Fatal(err)
		}
		guess, err := (&API{Registry: &upstream.Registry{Keys: other}}).tag(s)
		if err != nil || guess == mark {
			d.Errorf("the tag of settings and secrets is the same under other keys: %s %v", guess, err)
		}
	})
}

func TestEachChangeIsRecordedUnderTheKeysName(t *testing.T) {
	each(t, func(d *desk) {
		d.ask(d.write, "POST", "/api/v1/upstreams", bank)
		d.ask(d.write, "POST", "/api/v1/upstreams", bank) // refused: nothing is recorded
		d.ask(d.write, "POST", "/api/v1/upstreams/bank/disable", "")
		var got []string
		err := d.db.Read(d.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT reason, data FROM audit_event WHERE name = $1 ORDER BY at, id`, audit.OperatorRequest)
			got, err = db.Collect(rows, err, func(r *db.Rows) (string, error) {
				var reason, data string
				err := r.Scan(&reason, &data)
				return reason + " " + data, err
			})
			return err
		})
		slices.Sort(got)
		if err != nil || len(got) != 2 || !strings.HasPrefix(got[0], "upstream.add ") || !strings.HasPrefix(got[1], "upstream.disable ") || !strings.Contains(got[0], "terraform") {
			d.Errorf("%q %v", got, err)
		}
	})
}

func TestWithoutAKeyThatMayNothingIsDone(t *testing.T) {
	each(t, func(d *desk) {
		none := d.key("ending", operator.WriteUpstreams)
		if err := d.db.Write(d.Context(), func(tx *db.Tx) error { return d.api.Keys.Revoke(tx, "ending") }); err != nil {
			d.Fatal(err)
		}
		for pattern, to := range d.api.routes() {
			method, path, _ := strings.Cut(pattern, " ")
			path = strings.NewReplacer("{id}", "province", "{name}", "fisheries").Replace(path)
			for name, key := range map[string]string{"nobody's": "parvis_" + secret.NewToken(), "no": "", "a revoked": none} {
				a := d.ask(key, method, path, bank)
				if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
					d.Errorf("%s with %s key: %d %s", pattern, name, a.status, a.text)
				}
			}
			a := d.ask(d.read, method, path, bank)
			if (a.status == http.StatusForbidden) != (to.scope != operator.ReadUpstreams) {
				d.Errorf("%s with a key that may read: %d %s", pattern, a.status, a.text)
			}
		}
		if a := d.ask("", "GET", "/api/v1/upstreams", "", "Authorization", "Basic "+d.read); a.status != http.StatusUnauthorized {
			d.Errorf("another scheme: %d", a.status)
		}
		if _, err := d.api.Registry.Get(d.Context(), "bank"); err == nil {
			d.Error("something was done")
		}
	})
}

func TestABodyThatCannotBeIsRefusedWithAllItsReasons(t *testing.T) {
	each(t, func(d *desk) {
		for name, c := range map[string]struct {
			body, kind string
			status     int
			problem    string
		}{
			"nothing":            {"", "application/json", http.StatusBadRequest, ""},
			"no JSON":            {"id: bank", "application/json", http.StatusBadRequest, ""},
			"two values":         {bank + bank, "application/json", http.StatusBadRequest, ""},
			"a form":             {bank, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType, ""},
			"an unknown member":  {strings.Replace(bank, `"id"`, `"isadmin": true, "id"`, 1), "application/json", http.StatusBadRequest, ""},
			"a file of ours":     {strings.Replace(bank, `"client_id"`, `"secret_file": "/etc/shadow", "client_id"`, 1), "application/json", http.StatusBadRequest, ""},
			"a secret in clear":  {strings.Replace(bank, `"client_id"`, `"secret": "x", "client_id"`, 1), "application/json", http.StatusBadRequest, ""},
			"disabled":           {strings.Replace(bank, `"id"`, `"disabled": true, "id"`, 1), "application/json", http.StatusBadRequest, ""},
			"too long":           {strings.Replace(bank, "La banque", strings.Repeat("a", maxBody), 1), "application/json", http.StatusRequestEntityTooLarge, ""},
			"a script":           {strings.Replace(bank, "https://sign-in.bank.example", "javascript:1", 1), "application/json", http.StatusUnprocessableEntity, "upstreams[bank].issuer"},
			"a long life":        {strings.Replace(bank, "900", "9000000000", 1), "application/json", http.StatusUnprocessableEntity, "upstreams[bank].max_age"},
			"a negative life":    {strings.Replace(bank, "900", "-1", 1), "application/json", http.StatusUnprocessableEntity, "upstreams[bank].max_age"},
			"a language missing": {strings.Replace(bank, `, "fr": "La banque"`, "", 1), "application/json", http.StatusUnprocessableEntity, "upstreams[bank].name"},
			"an unknown level":   {strings.Replace(bank, "two-steps", "highest", 1), "application/json", http.StatusBadRequest, ""},
		} {
			a := d.ask(d.write, "POST", "/api/v1/upstreams", c.body, "Content-Type", c.kind)
			if a.status != c.status || a.body.Title == "" || a.header.Get("Content-Type") != "application/problem+json" ||
				c.problem != "" && !strings.Contains(strings.Join(a.body.Problems, "\n"), c.problem) {
				d.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		d.ask(d.write, "POST", "/api/v1/upstreams", bank)
		bad := strings.NewReplacer(`, "fr": "La banque"`, "", "https://sign-in.bank.example", "javascript:1", "900", "-1", `"client_id": "parvis"`, "", "canary", "").Replace(bank)
		bad = strings.Replace(bad, `"secret": "-of-the-bank"`, "", 1)
		for _, to := range [][2]string{{"POST", "/api/v1/upstreams"}, {"POST", "/api/v1/upstreams/check"}, {"PUT", "/api/v1/upstreams/bank"}} {
			a := d.ask(d.write, to[0], to[1], bad)
			all := strings.Join(a.body.Problems, "\n")
			for _, part := range []string{"name: also", "issuer", "max_age", "client_id"} {
				if a.status != http.StatusUnprocessableEntity || !strings.Contains(all, part) {
					d.Errorf("%v names not all: %s: %d %s", to, part, a.status, a.text)
				}
			}
			if to[0] == "PUT" && strings.Contains(all, "secret") {
				d.Errorf("a credential that stays is asked for: %s", all)
			}
		}
		for _, method := range []string{"GET", "DELETE", "PATCH"} {
			a := d.ask(d.write, method, map[bool]string{true: "/api/v1/nothing", false: "/api/v1/upstreams/bank"}[method == "GET"], "")
			if a.status != http.StatusNotFound || !strings.HasPrefix(a.body.Title, "There is nothing") {
				d.Errorf("%s: %d %s", method, a.status, a.text)
			}
		}
	})
}

func TestAPartnerIsExaminedBeforeAndAfterItIsAdded(t *testing.T) {
	each(t, func(d *desk) {
		d.partner.findings = []upstream.Finding{{Text: "metadata and keys fit"}}
		if a := d.ask(d.write, "POST", "/api/v1/upstreams/check", bank); a.status != http.StatusOK || !a.body.OK || len(a.body.Findings) != 1 {
			d.Errorf("%d %s", a.status, a.text)
		}
		if _, err := d.api.Registry.Get(d.Context(), "bank"); err == nil {
			d.Error("an examination adds a partner")
		}
		d.partner.findings = []upstream.Finding{{Text: "another issuer", Wrong: true}}
		if a := d.ask(d.read, "POST", "/api/v1/upstreams/province/check", ""); a.status != http.StatusOK || a.body.OK {
			d.Errorf("%d %s", a.status, a.text)
		}
		broken := strings.Replace(bank, `"client_id": "parvis"`, "", 1)
		if a := d.ask(d.write, "POST", "/api/v1/upstreams/check", broken); a.status != http.StatusUnprocessableEntity || len(a.body.Problems) == 0 {
			d.Errorf("%d %s", a.status, a.text)
		}
		if a := d.ask(d.read, "POST", "/api/v1/upstreams/nobody/check", ""); a.status != http.StatusNotFound {
			d.Errorf("%d %s", a.status, a.text)
		}
	})
}

// The description for programs names every address and every member, and nothing else.
func TestTheDescriptionForProgramsIsWhole(t *testing.T) {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openapi, &doc); err != nil {
		t.Fatal(err)
	}
	routes := (&API{}).routes()
	described := 0
	for path, methods := range doc.Paths {
		for method := range methods {
			if method == "parameters" {
				continue
			}
			described++
			if _, ok := routes[strings.ToUpper(method)+" "+path]; !ok {
				t.Errorf("%s %s is described but not there", method, path)
			}
		}
	}
	if described != len(routes) {
		t.Errorf("%d addresses are described, %d are there", described, len(routes))
	}
	for name, value := range map[string]any{
		"Settings": settings{}, "Credentials": upstream.Credentials{}, "Upstream": shown{}, "Write": written{},
		"Terms": registrar.Terms{}, "RegistrationToken": registrationToken{}, "RegistrationTokens": registrationTokens{}, "NewRegistrationToken": newRegistrationToken{},
	} {
		compare(t, name, doc.Components.Schemas[name], reflect.TypeOf(value))
	}
}

type schema struct {
	Properties map[string]schema `json:"properties"`
}

func compare(t *testing.T, name string, s schema, of reflect.Type) {
	t.Helper()
	there := members(of)
	for member, kind := range there {
		described, ok := s.Properties[member]
		if !ok {
			t.Errorf("%s.%s is not described", name, member)
		} else if len(described.Properties) > 0 && kind.Kind() == reflect.Struct {
			compare(t, name+"."+member, described, kind)
		}
	}
	for member := range s.Properties {
		if _, ok := there[member]; !ok {
			t.Errorf("%s.%s is described but not there", name, member)
		}
	}
}

// members are the JSON members of a struct.
func members(of reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range of.Fields() {
		if f.Anonymous {
			for n, k := range members(f.Type) {
				if _, outer := out[n]; !outer {
					out[n] = k
				}
			}
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			out[name] = f.Type
		}
	}
	return out
}

func FuzzReadOfAPartner(f *testing.F) {
	f.Add([]byte(bank))
	f.Add([]byte(`{"settings":{"worth":{"acr":{"a":"aal2"}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(raw))
		r.Header.Set("Content-Type", "application/json")
		var w written
		if (&request{w: httptest.NewRecorder(), r: r}).read(&w) != nil {
			return
		}
		s, err := w.upstream(i18n.Langs())
		if err == nil {
			if s.MaxAge < 0 || s.OIDC.SecretFile != "" || s.OIDC.PrivateKeyFile != "" || s.Disabled {
				t.Errorf("%+v", s)
			}
			s.Build()
		}
	})
}
