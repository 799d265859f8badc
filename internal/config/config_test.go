package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// ready writes a configuration with everything a deployment must say, in a folder of its own.
func ready(t *testing.T) (path, text string) {
	t.Helper()
	dir := t.TempDir()
	written, err := Init(First{Dir: dir, Data: dir, Preset: "parvis", PublicURL: "https://sign-in.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(written[0])
	if err != nil {
		t.Fatal(err)
	}
	text = string(raw)
	for before, after := range map[string]string{
		`owner: {en: "", fr: ""}`: `owner: {en: Government of Northland, fr: Gouvernement du Northland}`,
		`contact_desk: ""`:        `contact_desk: desk@example.org`,
		`from: ""`:                `from: noreply@example.org`,
		`host: ""`:                `host: mail.example.org`,
		`certificate_file: ""`:    `certificate_file: /etc/parvis/tls.crt`,
		`key_file: ""`:            `key_file: /etc/parvis/tls.key`,
		`# password_file: /etc/parvis/mail.password`: ``,
		`username: ""`: ``,
		`public_url: "https://sign-in.example.org" # f`: `public_url: https://sign-in.example.org # f`,
	} {
		if !strings.Contains(text, before) {
			t.Fatalf("the first configuration has no %q", before)
		}
		text = strings.Replace(text, before, after, 1)
	}
	if err := os.WriteFile(written[0], []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return written[0], text
}

func problemsOf(t *testing.T, err error) string {
	t.Helper()
	wrong, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("want a list of problems, got %v", err)
	}
	return strings.Join(wrong.Problems, "\n")
}

func TestTheFirstConfigurationNeedsOnlyTheDeploymentsOwnFacts(t *testing.T) {
	path, _ := ready(t)
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys.Open(); err != nil {
		t.Error(err)
	}
}

func TestTheFirstConfigurationIsRefusedWithEachSettingToChange(t *testing.T) {
	dir := t.TempDir()
	written, err := Init(First{Dir: dir, Data: dir, Preset: "parvis"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(written[0], nil)
	all := problemsOf(t, err)
	for _, want := range []string{"server.public_url", "server.listen", "deployment.owner", "public.contact_desk", "mail.from", "mail.server.host"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is said about %s in:\n%s", want, all)
		}
	}
}

func TestTheFirstConfigurationListensWhereThePublicAddressIs(t *testing.T) {
	for _, one := range []struct{ public, listen string }{
		{"", ":443"},
		{"https://sign-in.example.org", ":443"},
		{"https://sign-in.example.org:8443", ":8443"},
		{"http://localhost:9090", "127.0.0.1:9090"},
		{"http://sign-in.localhost", "127.0.0.1:80"},
		{"http://127.0.0.5:8080", "127.0.0.5:8080"},
		{"http://[::1]:8080", "[::1]:8080"},
	} {
		dir := t.TempDir()
		written, err := Init(First{Dir: dir, Data: dir, Preset: "parvis", PublicURL: one.public})
		if err != nil {
			t.Fatal(err)
		}
		c, err := Read(written[0], nil)
		if err != nil || c.Server.Listen != one.listen {
			t.Errorf("%q: listens at %q, want %q (%v)", one.public, c.Server.Listen, one.listen, err)
		}
		_, err = Load(written[0], nil)
		if all := problemsOf(t, err); strings.HasPrefix(one.public, "http:") && strings.Contains("\n"+all, "\nserver.") {
			t.Errorf("%q cannot be served as written:\n%s", one.public, all)
		}
	}
}

func TestInitWritesNothingForAnAddressThatCannotBeServed(t *testing.T) {
	for _, public := range []string{"http://sign-in.example.org", "https://sign-in.example.org/", "sign-in.example.org"} {
		dir := t.TempDir()
		if _, err := Init(First{Dir: dir, Data: dir, Preset: "parvis", PublicURL: public}); err == nil {
			t.Errorf("%q was taken", public)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%q: init left %v, %v", public, entries, err)
		}
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	for _, name := range []string{"parvis.yaml", "root.key", "pepper.key"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Init(First{Dir: dir, Data: dir, Preset: "parvis"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s exists: got %v", name, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s exists: init left %v, %v", name, entries, err)
		}
	}
}

func TestInitMakesKeysThatOnlyTheOwnerReads(t *testing.T) {
	dir := t.TempDir()
	if _, err := Init(First{Dir: dir, Data: dir, Preset: "parvis"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"root.key", "pepper.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestAnUnknownPresetIsNamedTogetherWithEverythingElse(t *testing.T) {
	dir := t.TempDir()
	path, unreadable := filepath.Join(dir, "parvis.yaml"), filepath.Join(dir, "nothing.password")
	text := "preset: quebec\nserver: {listn: x, public_url: http://sign-in.example.org}\nsession: {idle: soon}\n" +
		"mail: {server: {password_file: " + unreadable + "}}\nlanguages: [de]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		preset  string
	}{
		"in the file":        {nil, `preset: "quebec" is not known; choose parvis, ontario, logingov`},
		"in the environment": {[]string{"PARVIS_PRESET=acadie", "PARVIS_NOTHING=1"}, `environment PARVIS_PRESET (preset): "acadie" is not known`},
	} {
		_, err := Load(path, c.environ)
		all := problemsOf(t, err)
		wanted := []string{
			c.preset, "line 2: server.listn", "would send passwords in clear", `line 3: "soon" cannot be read`, "mail.server.password_file: ",
			`languages: "de"`, "keys.root_files", "mail.from", "deployment.owner",
		}
		if len(c.environ) > 1 {
			wanted = append(wanted, "environment PARVIS_NOTHING")
		}
		for _, want := range wanted {
			if strings.Count(all, want) != 1 {
				t.Errorf("%s: %q stands there %d times in:\n%s", name, want, strings.Count(all, want), all)
			}
		}
	}
}

func TestOfATextThatIsNoYAMLOnlyThatIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parvis.yaml")
	if err := os.WriteFile(path, []byte("server: {listen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, nil)
	if all := problemsOf(t, err); !strings.HasPrefix(all, "line 1: ") || strings.Contains(all, "\n") {
		t.Errorf("got:\n%s", all)
	}
}

func TestAnEmptyFileIsRefusedWithEverythingAtOnce(t *testing.T) {
	c, err := Parse("empty.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Problems(), "\n")
	for _, want := range []string{"server.public_url", "keys.root_files", "keys.pepper_files", "mail.from", "mail.server.host", "deployment.owner"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is said about %s in:\n%s", want, all)
		}
	}
}

func TestEachUnsafeSettingIsNamed(t *testing.T) {
	path, text := ready(t)
	dir := filepath.Dir(path)
	world := filepath.Join(dir, "world.key")
	demo := filepath.Join(dir, "demo.key")
	if err := os.WriteFile(world, NewKeyFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(demo, DemoKeyFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ before, after, want string }{
		"plain HTTP":       {"https://sign-in.example.org #", "http://sign-in.example.org #", "server.public_url: http://sign-in.example.org would send passwords in clear"},
		"a path":           {"https://sign-in.example.org #", "https://example.org/sign-in #", "server.public_url"},
		"no TLS":           {"certificate_file: /etc/parvis/tls.crt", "certificate_file: ''", "tls.certificate_file, tls.key_file: give both"},
		"trusts the world": {"trusted: []", "trusted: [0.0.0.0/0]", "proxy.trusted: 0.0.0.0/0"},
		"readable key":     {filepath.Join(dir, "root.key"), world, "chmod 0600"},
		"demo key":         {filepath.Join(dir, "root.key"), demo, "key of the demonstration"},
		"missing key":      {filepath.Join(dir, "pepper.key"), filepath.Join(dir, "none.key"), "keys.pepper_files"},
		"same key twice":   {filepath.Join(dir, "pepper.key"), filepath.Join(dir, "root.key"), "hold the same key"},
		"no mail server":   {"host: mail.example.org", "host: ''", "mail.server.host"},
		"clear mail":       {"tls: starttls", "tls: none", "mail.server.tls"},
		"one language":     {"names: {en: Parvis, fr: Parvis}", "names: {en: Parvis, fr: ''}", "deployment.names"},
		"unknown preset":   {"preset: parvis", "preset: quebec", "preset: \"quebec\" is not known"},
		"unknown language": {"preset: parvis", "preset: parvis\nlanguages: [en, de]", "languages: \"de\""},
		"bad partner":      {"# partners:", "partners: [{id: a, redirect_uris: ['http://example.org/']}]\n#", "partners[a].redirect_uris"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, c.before, c.after, 1)
			if changed == text {
				t.Fatalf("%q does not stand in the configuration", c.before)
			}
			p := filepath.Join(t.TempDir(), "parvis.yaml")
			if err := os.WriteFile(p, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(p, nil)
			if all := problemsOf(t, err); !strings.Contains(all, c.want) {
				t.Errorf("want %q in:\n%s", c.want, all)
			}
		})
	}
}

func TestUnknownKeysAreNamedWithTheirLineAndTheNearestKey(t *testing.T) {
	_, err := Parse("x.yaml", []byte("server:\n  listn: ':443'\npartners:\n  - id: a\n    redirect_uri: []\nmail:\n  server:\n    hots: x\n"), nil)
	all := problemsOf(t, err)
	for _, want := range []string{
		"line 2: server.listn: there is no such setting; did you mean server.listen?",
		"line 5: partners[0].redirect_uri: there is no such setting; did you mean partners[0].redirect_uris?",
		"line 8: mail.server.hots: there is no such setting; did you mean mail.server.host?",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in:\n%s", want, all)
		}
	}
}

func TestWrongKindsOfValueAreSaidInPlainWords(t *testing.T) {
	_, err := Parse("x.yaml", []byte("server:\n  read_timeout: soon\n  max_header_bytes: many\n"), nil)
	all := problemsOf(t, err)
	for _, want := range []string{`line 2: "soon" cannot be read as duration`, `line 3: "many" cannot be read as whole number`} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in:\n%s", want, all)
		}
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	c, err := Parse("x.yaml", []byte("server:\n  listen: ':1'\n"), []string{
		"PARVIS_SERVER_LISTEN=:2", "PARVIS_SERVER_READ_TIMEOUT=7s", "PARVIS_SERVER_PROXY_TRUSTED=10.0.0.1, 10.1.0.0/16",
		"PARVIS_MAIL_SERVER_PORT=465", "PARVIS_PRESET=logingov", "HOME=/root", "PARVIS_CONFIG=x.yaml",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Listen != ":2" || c.Server.ReadTimeout != 7*time.Second || c.Mail.Server.Port != 465 || c.Preset != "logingov" ||
		!slices.Equal(c.Server.Proxy.Trusted, []string{"10.0.0.1", "10.1.0.0/16"}) {
		t.Errorf("got %+v", c.Server)
	}
	_, err = Parse("x.yaml", nil, []string{"PARVIS_SERVER_LISTN=:2", "PARVIS_SERVER_READ_TIMEOUT=soon"})
	all := problemsOf(t, err)
	for _, want := range []string{"PARVIS_SERVER_LISTN: there is no such setting; did you mean PARVIS_SERVER_LISTEN?", `"soon" is not a duration`} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in:\n%s", want, all)
		}
	}
}

func TestSecretsStandInFilesAndAreNeverShown(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte("correct horse\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "mail:\n  server:\n    password_file: " + file + "\ndatabase:\n  url: postgres://parvis:battery@db/parvis\npartners:\n  - id: a\n    secret: staple-staple-staple-staple-staple\n"
	c, err := Parse("x.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mail.Server.Password != "correct horse" {
		t.Errorf("password is %q", c.Mail.Server.Password)
	}
	shown := c.ShowText()
	for _, secret := range []string{"correct horse", "battery", "staple"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Parse("x.yaml", []byte(text), nil)
	if all := problemsOf(t, err); !strings.Contains(all, "mail.server.password_file") || !strings.Contains(all, "chmod 0600") {
		t.Errorf("a secret that everybody may read: %s", all)
	}
	_, err = Parse("x.yaml", []byte("mail: {server: {password: a, password_file: "+file+"}}"), nil)
	if all := problemsOf(t, err); !strings.Contains(all, "not both") {
		t.Errorf("a secret given twice: %s", all)
	}
}

func TestEveryPresetIsSoundInItself(t *testing.T) {
	for _, name := range Presets() {
		c := Preset(name)
		for _, p := range c.Problems() {
			section, _, _ := strings.Cut(p, ".")
			switch section {
			case "server", "keys", "mail", "public", "deployment": // the deployment's own facts
			default:
				t.Errorf("%s: %s", name, p)
			}
		}
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	for _, path := range undocumented(fieldsJSON) {
		t.Errorf("%s has no doc comment: write one above its field", path)
	}
	for _, l := range leaves(reflect.ValueOf(new(Config)).Elem(), "") {
		if strings.Contains(EnvName(l.Path), "-") {
			t.Errorf("%s cannot be a variable", l.Path)
		}
	}
}

func TestNoTwoSettingsShareAVariable(t *testing.T) {
	seen := map[string]string{}
	for _, l := range leaves(reflect.ValueOf(new(Config)).Elem(), "") {
		if other, ok := seen[EnvName(l.Path)]; ok {
			t.Errorf("%s and %s share %s", l.Path, other, EnvName(l.Path))
		}
		seen[EnvName(l.Path)] = l.Path
	}
}

func TestTheDocumentationIsTheOneThatTheCommentsMake(t *testing.T) {
	fields, err := FieldsJSON("../..")
	if err != nil {
		t.Fatal(err)
	}
	if string(fields) != string(fieldsJSON) {
		t.Error("fields.json is out of date: run go generate ./internal/config")
	}
	written, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != docs(fields) {
		t.Error("docs/configuration.md is out of date: run go generate ./internal/config")
	}
}

func TestTheProviderOfTextsIsJudgedWithTheRest(t *testing.T) {
	path, text := ready(t)
	key := filepath.Join(t.TempDir(), "key")
	const secret = "live-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0"
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := problemsOf(t, func() error {
		c, err := Parse(path, []byte(text+"\ntexts: {provider: gcnotify, calls: true, sender: x, templates: {en: y}}\noutbound: {allow: [here], timeout: 1h}\n"), nil)
		if err != nil {
			return err
		}
		return &Error{Problems: c.Problems()}
	}())
	for _, want := range []string{"texts.key_file: ", "texts.calls: ", "texts.sender: ", "texts.templates.en: ", "texts.templates.fr: give", "outbound.allow: ", "outbound.timeout: "} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in:\n%s", want, all)
		}
	}
	c, err := Parse(path, []byte(text+"\ntexts: {provider: gcnotify, key_file: "+key+", templates: {en: f33517ff-2a88-4f6e-b855-c550268ce08a, fr: 0e2c8f6b-5a0f-4d5b-9c1a-0a1b2c3d4e5f}}\n"), []string{"PARVIS_OUTBOUND_ALLOW=10.1.2.0/24, 10.1.3.4"})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Texts.Problems(); len(p) != 0 || len(c.Outbound.Allow) != 2 || len(c.Outbound.Problems()) != 0 {
		t.Errorf("%q %v", p, c.Outbound)
	}
	if shown := c.ShowText(); strings.Contains(shown, secret) || !strings.Contains(shown, "texts.key: ••••") {
		t.Errorf("the key is shown:\n%s", shown)
	}
}
