package saml

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/outbound"
	"parvis/internal/policy"
	"parvis/internal/saml/protocol"
	"parvis/internal/secret"
	"parvis/internal/upstream"
	"parvis/internal/upstream/saml/idptest"
)

// house is a consumer and a partner with its own server, which can misbehave.
type house struct {
	t        *testing.T
	clock    *dbtest.Clock
	c        *Consumer
	idp      *idptest.Provider
	settings upstream.Settings
	server   *httptest.Server
	mutex    sync.Mutex
	calls    map[string]int
	asked    []string // request lines with headers
	status   map[string]int
	keys     []keyring.Private
}

func private(t *testing.T, n int, id string, at time.Time) keyring.Private {
	t.Helper()
	signer, err := jose.NewSigner(jose.RS256, idptest.Key(n))
	if err != nil {
		t.Fatal(err)
	}
	return keyring.Private{Key: keyring.Key{ID: id, Algorithm: jose.RS256, CreatedAt: at, ActiveFrom: at}, Signer: signer}
}

func open(t *testing.T, d *db.DB, clock *dbtest.Clock) *house {
	t.Helper()
	h := &house{t: t, clock: clock, calls: map[string]int{}, status: map[string]int{}}
	mux := http.NewServeMux()
	handle := func(path string, answer func() string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			h.mutex.Lock()
			defer h.mutex.Unlock()
			h.calls[path]++
			h.asked = append(h.asked, fmt.Sprint(r.Method, r.URL, r.Header))
			if status := h.status[path]; status != 0 {
				w.WriteHeader(status)
				return
			}
			_, _ = w.Write([]byte(answer()))
		})
	}
	handle("/metadata", func() string { return h.idp.MetadataOf() })
	handle("/sso", func() string { return "no request" })
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	client, err := outbound.New(outbound.Settings{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second, MaxBytes: 64 << 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	h.idp = idptest.New(t, h.server.URL, clock.Now)
	h.keys = []keyring.Private{private(t, 1, "k1", clock.Now())}
	h.c = &Consumer{
		Outbound: client, BaseURL: "https://sign-in.example.org", Now: clock.Now, Cached: 12 * time.Hour,
		Assertions: upstream.Assertions{DB: d}, Relays: upstream.Relays{Keys: relayKeys(t)}, Signing: func() ([]keyring.Private, error) { return h.keys, nil },
	}
	h.settings = upstream.Settings{
		ID: "bank", Protocol: "saml", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: h.idp.EntityID,
		SAML: upstream.SAMLSettings{MetadataURL: h.server.URL + "/metadata", DecryptionKey: idptest.PEM(idptest.Key(2))},
	}
	return h
}

func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	clock := dbtest.NewClock()
	begin := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(begin)
		test(t, open(t, d, clock))
	}, dbtest.WithClock(clock.Now))
}

func (h *house) provider() *upstream.Provider {
	h.t.Helper()
	p, problems := h.settings.Build()
	if len(problems) > 0 {
		h.t.Fatal(problems)
	}
	return p
}

// introduce lets the partner read our metadata.
func (h *house) introduce(p *upstream.Provider) {
	h.t.Helper()
	raw, err := h.c.Metadata(p)
	if err != nil {
		h.t.Fatal(err)
	}
	h.idp.Learn(raw)
}

// begin makes a request as upstream.Registry does, and lets the partner read it.
func (h *house) begin(p *upstream.Provider, ask upstream.Ask) (upstream.Pending, idptest.Request) {
	h.t.Helper()
	if len(h.idp.Partner.Signing) == 0 {
		h.introduce(p)
	}
	out, err := h.c.Begin(h.t.Context(), p, ask)
	if err != nil {
		h.t.Fatal(err)
	}
	pending := out.Pending
	pending.Provider, pending.Issuer, pending.Protocol = p.ID, p.Issuer, p.Protocol
	pending.Level, pending.MaxAge, pending.Fresh = ask.Level, ask.MaxAge, ask.Fresh
	if out.Form != nil {
		return pending, h.idp.Posted(out.Form)
	}
	return pending, h.idp.Redirected(out.URL)
}

func (h *house) finish(p *upstream.Provider, pending upstream.Pending, a idptest.Answer) (upstream.Assertion, error) {
	h.t.Helper()
	return h.c.Finish(h.t.Context(), p, pending, upstream.Answer{Params: a.Form(h.t)})
}

func TestASignInByRedirectAndByFormTellsSubjectContextAndInstantAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, binding := range []protocol.Binding{protocol.RedirectBinding, protocol.PostBinding} {
			h.idp.Binding = binding
			h.clock.Advance(2 * time.Hour) // the metadata is asked for again
			p := h.provider()
			pending, r := h.begin(p, upstream.Ask{Lang: i18n.French})
			if r.Issuer != "https://sign-in.example.org/partner/bank/metadata" || r.ACS != "https://sign-in.example.org/partner/bank/callback" ||
				r.Destination != h.idp.SSO || r.Force || r.Format != protocol.FormatPersistent || len(r.Contexts) != 0 ||
				r.ID != pending.Request || r.RelayState != pending.State || len(r.RelayState) > protocol.MaxRelayState {
				t.Errorf("%s: %+v", binding, r)
			}
			good := h.idp.Good(r, "customer-1")
			if good.Encrypt == nil {
				t.Fatal("our metadata offers no key for encryption")
			}
			got, err := h.finish(p, pending, good)
			want := upstream.Assertion{
				Issuer: h.idp.EntityID, Subject: "customer-1", ACR: good.Context, AuthTime: h.clock.Now(), NotOnOrAfter: good.Ends.Add(p.Skew),
			}
			if err != nil || got.Issuer != want.Issuer || got.Subject != want.Subject || got.ACR != want.ACR || !got.AuthTime.Equal(want.AuthTime) || !got.NotOnOrAfter.Equal(want.NotOnOrAfter) || got.AMR != nil {
				t.Errorf("%s: %v %+v", binding, err, got)
			}
		}
	})
}

// R42: of the occasion a request tells that somebody signs in, and nothing else.
func TestTwoRequestsDifferInNothingButWhatIsRandom(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		one, a := h.begin(p, upstream.Ask{Lang: i18n.English})
		other, b := h.begin(p, upstream.Ask{Lang: i18n.French})
		if strings.ReplaceAll(a.XML, one.Request, "") != strings.ReplaceAll(b.XML, other.Request, "") {
			t.Errorf("%s\n%s", a.XML, b.XML)
		}
		want := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" AssertionConsumerServiceURL="https://sign-in.example.org/partner/bank/callback" Destination="` + h.idp.SSO +
			`" ID="" IssueInstant="2026-03-02T09:00:00Z" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Version="2.0">` +
			`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://sign-in.example.org/partner/bank/metadata</saml:Issuer>` +
			`<samlp:NameIDPolicy AllowCreate="true" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"></samlp:NameIDPolicy></samlp:AuthnRequest>`
		if got := strings.ReplaceAll(a.XML, one.Request, ""); got != want {
			t.Errorf("the request is\n%s\nwant\n%s", got, want)
		}
		for _, line := range h.asked {
			if strings.Contains(line, "Referer") || strings.Contains(line, "Cookie") || strings.Contains(line, one.State) {
				t.Errorf("a call tells of the person: %s", line)
			}
		}
	})
}

func TestWhatIsDemandedIsAskedForAndChecked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.settings.SAML.AuthnContext = []string{"urn:low"}
		h.settings.Worth = upstream.Worth{Cap: policy.AAL2, ACR: map[string]policy.Level{"urn:low": policy.OneStep, "urn:high": policy.AAL2, "urn:middle": policy.TwoSteps}}
		p := h.provider()
		if _, r := h.begin(p, upstream.Ask{}); !slices.Equal(r.Contexts, []string{"urn:low"}) {
			t.Errorf("asked for %v", r.Contexts)
		}
		pending, r := h.begin(p, upstream.Ask{Level: policy.TwoSteps})
		if !slices.Equal(r.Contexts, []string{"urn:middle", "urn:high"}) {
			t.Errorf("asked for %v", r.Contexts)
		}
		weak := h.idp.Good(r, "customer-1")
		weak.Context = "urn:low"
		if _, err := h.finish(p, pending, weak); upstream.FailureOf(err) != upstream.Weaker {
			t.Errorf("a weaker one: %v", err)
		}
		if got, err := h.finish(p, pending, h.idp.Good(r, "customer-1")); err != nil || got.ACR != "urn:middle" {
			t.Errorf("as demanded: %v", err)
		}

		hour := time.Hour
		for _, ask := range []upstream.Ask{{Fresh: true}, {MaxAge: &hour}} {
			pending, r := h.begin(p, ask)
			if !r.Force {
				t.Errorf("%+v: the person is not asked to sign in anew", ask)
			}
			old := h.idp.Good(r, "customer-1")
			old.SignedInAt = h.clock.Now().Add(-2 * time.Hour)
			if _, err := h.finish(p, pending, old); upstream.FailureOf(err) != upstream.Stale {
				t.Errorf("%+v: signed in hours ago: %v", ask, err)
			}
			if _, err := h.finish(p, pending, h.idp.Good(r, "customer-1")); err != nil {
				t.Errorf("%+v: %v", ask, err)
			}
		}
	})
}

func TestAnswersThatProveNothingAreRefusedWithTheirFailure(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		foreign := idptest.SignerOf(t, idptest.Key(1))
		for name, c := range map[string]struct {
			spoil func(*idptest.Answer)
			want  upstream.Failure
		}{
			"unsigned":                     {func(a *idptest.Answer) { a.SignAssertion, a.SignResponse = false, false }, upstream.Invalid},
			"signed by a foreign key":      {func(a *idptest.Answer) { a.Signer = foreign }, upstream.Invalid},
			"not encrypted":                {func(a *idptest.Answer) { a.Encrypt = nil }, upstream.Invalid},
			"encrypted for somebody else":  {func(a *idptest.Answer) { a.Encrypt = &idptest.Key(1).PublicKey }, upstream.Invalid},
			"for another service":          {func(a *idptest.Answer) { a.Audience = "https://other.example" }, upstream.Invalid},
			"for another partner's door":   {func(a *idptest.Answer) { a.Audience = "https://sign-in.example.org/partner/other/metadata" }, upstream.Invalid},
			"sent to another address":      {func(a *idptest.Answer) { a.Destination = "https://other.example/acs" }, upstream.Invalid},
			"to be presented elsewhere":    {func(a *idptest.Answer) { a.Recipient = "https://other.example/acs" }, upstream.Invalid},
			"from another partner":         {func(a *idptest.Answer) { a.Issuer, a.AssertionIssuer = "urn:other", "urn:other" }, upstream.Invalid},
			"an assertion of another":      {func(a *idptest.Answer) { a.AssertionIssuer = "urn:other" }, upstream.Invalid},
			"answers another request":      {func(a *idptest.Answer) { a.InResponseTo = "_other" }, upstream.Replay},
			"confirms another request":     {func(a *idptest.Answer) { a.ConfirmsRequest = "_other" }, upstream.Replay},
			"begun by the partner":         {func(a *idptest.Answer) { a.InResponseTo, a.ConfirmsRequest = "", "" }, upstream.Replay},
			"no relay state":               {func(a *idptest.Answer) { a.RelayState = "" }, upstream.Replay},
			"another relay state":          {func(a *idptest.Answer) { a.RelayState += "x" }, upstream.Replay},
			"over":                         {func(a *idptest.Answer) { a.Ends = h.clock.Now().Add(-time.Minute) }, upstream.Invalid},
			"issued long ago":              {func(a *idptest.Answer) { a.Issued = h.clock.Now().Add(-2 * time.Hour) }, upstream.Invalid},
			"from the future":              {func(a *idptest.Answer) { a.Issued = h.clock.Now().Add(time.Hour) }, upstream.Invalid},
			"signed in in the future":      {func(a *idptest.Answer) { a.SignedInAt = h.clock.Now().Add(time.Hour) }, upstream.Invalid},
			"a name that does not stay":    {func(a *idptest.Answer) { a.Format = protocol.FormatTransient }, upstream.Invalid},
			"an address as a name":         {func(a *idptest.Answer) { a.Format = protocol.FormatEmail }, upstream.Invalid},
			"nobody":                       {func(a *idptest.Answer) { a.Subject = "" }, upstream.Invalid},
			"the person went back":         {func(a *idptest.Answer) { a.Status, a.Second = "Responder", "AuthnFailed" }, upstream.Cancelled},
			"went back, nothing is signed": {func(a *idptest.Answer) { a.Status, a.Second, a.SignResponse = "Responder", "AuthnFailed", false }, upstream.Cancelled},
			"nobody may be asked":          {func(a *idptest.Answer) { a.Status, a.Second = "Responder", "NoPassive" }, upstream.Refused},
			"denied":                       {func(a *idptest.Answer) { a.Status, a.Second = "Requester", "RequestDenied" }, upstream.Refused},
			"not as strong":                {func(a *idptest.Answer) { a.Status, a.Second = "Responder", "NoAuthnContext" }, upstream.Weaker},
			"out of order":                 {func(a *idptest.Answer) { a.Status = "Responder" }, upstream.Outage},
			"our request is at fault":      {func(a *idptest.Answer) { a.Status = "Requester" }, upstream.Refused},
		} {
			pending, r := h.begin(p, upstream.Ask{})
			a := h.idp.Good(r, "customer-1")
			c.spoil(&a)
			got, err := h.finish(p, pending, a)
			if upstream.FailureOf(err) != c.want || got.Subject != "" {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
			if e, ok := errors.AsType[*upstream.Error](err); ok && !e.ByBrowser {
				t.Errorf("%s: counts against the health of the partner", name)
			}
			if err != nil && (strings.Contains(err.Error(), "customer-1") || strings.Contains(err.Error(), "somebody@")) {
				t.Errorf("%s: the error names the person: %v", name, err)
			}
		}
		// What only a change of the whole message does.
		pending, r := h.begin(p, upstream.Ask{})
		fields := h.idp.Good(r, "customer-1").Form(t)
		for name, spoil := range map[string]func(url.Values){
			"twice":        func(f url.Values) { f.Add("SAMLResponse", "x") },
			"as a request": func(f url.Values) { f.Set("SAMLRequest", f.Get("SAMLResponse")); f.Del("SAMLResponse") },
			"with one":     func(f url.Values) { f.Set("SAMLRequest", f.Get("SAMLResponse")) },
			"nothing":      func(f url.Values) { f.Del("SAMLResponse") },
			"too long":     func(f url.Values) { f.Set("SAMLResponse", strings.Repeat("A", 1<<20)) },
			"no XML":       func(f url.Values) { f.Set("SAMLResponse", base64.StdEncoding.EncodeToString([]byte("{}"))) },
			"with a DTD": func(f url.Values) {
				f.Set("SAMLResponse", base64.StdEncoding.EncodeToString([]byte(`<!DOCTYPE x><x/>`)))
			},
			"by a redirect": func(f url.Values) { f.Set("SAMLResponse", "fZFdS8MwFIb_Su") },
		} {
			one := url.Values{}
			for key, values := range fields {
				one[key] = slices.Clone(values)
			}
			spoil(one)
			if _, err := h.c.Finish(t.Context(), p, pending, upstream.Answer{Params: one}); upstream.FailureOf(err) != upstream.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAnAnswerSignsInOnceOnHoweverManyNodes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		pending, r := h.begin(p, upstream.Ask{})
		good := h.idp.Good(r, "customer-1")
		form := good.Form(t)
		var won, replays atomic.Int64
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 20 { // as if the pending were not taken away by its use
			all.Go(func() {
				<-begin
				_, err := h.c.Finish(t.Context(), p, pending, upstream.Answer{Params: form})
				switch {
				case err == nil:
					won.Add(1)
				case upstream.FailureOf(err) == upstream.Replay:
					replays.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		close(begin)
		all.Wait()
		if won.Load() != 1 || replays.Load() != 19 {
			t.Errorf("%d signed in, %d were told of a replay", won.Load(), replays.Load())
		}
		// The same assertion in a new envelope, for a new request that the partner would have answered.
		again, r2 := h.begin(p, upstream.Ask{})
		copied := h.idp.Good(r2, "customer-1")
		copied.AssertionID = good.AssertionID
		if _, err := h.finish(p, again, copied); upstream.FailureOf(err) != upstream.Replay {
			t.Errorf("the same assertion in another envelope: %v", err)
		}
	})
}

func TestClocksMayDifferAsMuchAsTheSettingsSay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.settings.ClockSkew = 30 * time.Second
		p := h.provider()
		for _, c := range []struct {
			off  time.Duration
			good bool
		}{{25 * time.Second, true}, {35 * time.Second, false}, {-25 * time.Second, true}} {
			pending, r := h.begin(p, upstream.Ask{Fresh: true})
			a := h.idp.Good(r, "customer-1")
			a.Issued, a.SignedInAt = a.Issued.Add(c.off), a.SignedInAt.Add(c.off)
			if _, err := h.finish(p, pending, a); (err == nil) != c.good {
				t.Errorf("%v: %v", c.off, err)
			}
		}
	})
}

func TestANewKeyOfThePartnerIsLearnedWithoutARestartAndAskedForOnlySoOften(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		pending, r := h.begin(p, upstream.Ask{})
		h.idp.Signer = idptest.SignerOf(t, idptest.Key(1)) // in the metadata from now on
		if _, err := h.finish(p, pending, h.idp.Good(r, "customer-1")); err != nil {
			t.Errorf("a new key: %v", err)
		}
		calls := h.calls["/metadata"]
		for range 5 {
			pending, r := h.begin(p, upstream.Ask{})
			a := h.idp.Good(r, "customer-1")
			a.Signer = idptest.SignerOf(t, idptest.Key(2))
			if _, err := h.finish(p, pending, a); upstream.FailureOf(err) != upstream.Invalid {
				t.Errorf("a key of nobody: %v", err)
			}
		}
		if h.calls["/metadata"] != calls {
			t.Errorf("forged answers make us ask %d times", h.calls["/metadata"]-calls)
		}
		// The old and the new key side by side.
		old := h.idp.Signer
		h.idp.Signer, h.idp.Also = idptest.SignerOf(t, idptest.Key(0)), []*x509.Certificate{old.Certificate()}
		h.clock.Advance(usual)
		for _, signer := range []int{0, 1} {
			pending, r := h.begin(p, upstream.Ask{})
			a := h.idp.Good(r, "customer-1")
			a.Signer = idptest.SignerOf(t, idptest.Key(signer))
			if _, err := h.finish(p, pending, a); err != nil {
				t.Errorf("key %d of two: %v", signer, err)
			}
		}
	})
}

func TestMetadataIsKeptAsLongAsItSaysAndNoLongerThanItIsValid(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.idp.Cache = "PT10M"
		h.idp.ValidUntil = h.clock.Now().Add(3 * time.Hour)
		p := h.provider()
		ask := func() error {
			_, err := h.c.Begin(t.Context(), p, upstream.Ask{})
			return err
		}
		for range 3 {
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
		if h.calls["/metadata"] != 1 {
			t.Errorf("asked %d times for what is fresh", h.calls["/metadata"])
		}
		h.clock.Advance(10 * time.Minute)
		if err := ask(); err != nil || h.calls["/metadata"] != 2 {
			t.Errorf("after its cacheDuration: %v, asked %d times", err, h.calls["/metadata"])
		}
		h.status["/metadata"] = http.StatusServiceUnavailable
		h.clock.Advance(time.Hour)
		if err := ask(); err != nil {
			t.Errorf("what it said before does not serve for a while: %v", err)
		}
		calls := h.calls["/metadata"]
		if err := ask(); err != nil || h.calls["/metadata"] != calls {
			t.Errorf("a partner that does not answer is asked for each sign-in: %v", err)
		}
		h.clock.Advance(2 * time.Hour)
		if err := ask(); upstream.FailureOf(err) != upstream.Outage {
			t.Errorf("metadata is used after its end: %v", err)
		}
		h.status["/metadata"] = 0
		h.clock.Advance(again)
		if err := ask(); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("expired metadata is taken: %v", err)
		}
		h.idp.ValidUntil = h.clock.Now().Add(time.Hour)
		h.clock.Advance(again)
		if err := ask(); err != nil {
			t.Errorf("new metadata: %v", err)
		}
	})
}

// Nobody waits behind somebody else for a partner that hangs, and nobody twice for the same.
func TestMetadataThatHangsKeepsPeopleOnlyForTheirOwnTimeAndIsAskedForOnce(t *testing.T) {
	clock := dbtest.NewClock()
	h := open(t, nil, clock)
	hang, came := make(chan struct{}), make(chan struct{}, 100)
	h.server.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		came <- struct{}{}
		<-hang
	})
	defer close(hang)
	p := h.provider()
	p.Timeout = 300 * time.Millisecond
	var all sync.WaitGroup
	var slow atomic.Int64
	for range 30 {
		all.Go(func() {
			_, err := h.c.Begin(t.Context(), p, upstream.Ask{})
			if upstream.FailureOf(err) == upstream.Slow {
				slow.Add(1)
			}
		})
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.c.Begin(impatient, p, upstream.Ask{}); err == nil || upstream.FailureOf(err) != "" {
		t.Errorf("who left: %v", err)
	}
	all.Wait()
	if _, err := h.c.Begin(t.Context(), p, upstream.Ask{}); upstream.FailureOf(err) != upstream.Slow {
		t.Errorf("who comes next: %v", err)
	}
	if slow.Load() != 30 || len(came) != 1 {
		t.Errorf("%d of 30 were told that it is slow, it was asked %d times", slow.Load(), len(came))
	}
	clock.Advance(failedFor)
	if _, err := h.c.Begin(t.Context(), p, upstream.Ask{}); upstream.FailureOf(err) != upstream.Slow || len(came) != 2 {
		t.Errorf("after a while: %v, asked %d times", err, len(came))
	}
}

func TestMetadataThatIsPinnedMustBeSignedByThatCertificate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		pin := func(n int) {
			c := idptest.SignerOf(t, idptest.Key(n)).Certificate()
			h.settings.SAML.MetadataCertificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
		}
		pin(1)
		if _, err := h.c.Begin(t.Context(), h.provider(), upstream.Ask{}); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("signed by another: %v", err)
		}
		pin(0)
		p := h.provider() // the settings changed: what was known is not used
		pending, r := h.begin(p, upstream.Ask{})
		if _, err := h.finish(p, pending, h.idp.Good(r, "customer-1")); err != nil {
			t.Errorf("signed by the pinned one: %v", err)
		}
		h.idp.EntityID = "urn:another"
		h.clock.Advance(stale)
		if _, err := h.c.Begin(t.Context(), p, upstream.Ask{}); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("metadata of another entity: %v", err)
		}
	})
}

func TestAPartnerWithoutMetadataAndOneWhoseMetadataIsInTheSettings(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.idp.ValidUntil = h.clock.Now().Add(time.Hour)
		h.settings.SAML.MetadataURL, h.settings.SAML.Metadata = "", h.idp.MetadataOf()
		inline := h.provider()
		h.settings.SAML.Metadata, h.settings.SAML.SSOURL = "", h.idp.SSO
		h.settings.SAML.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.idp.Signer.Certificate().Raw}))
		for name, p := range map[string]*upstream.Provider{"inline": inline, "by hand": h.provider()} {
			pending, r := h.begin(p, upstream.Ask{})
			if _, err := h.finish(p, pending, h.idp.Good(r, "customer-1")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if h.calls["/metadata"] != 0 {
			t.Error("metadata is asked for")
		}
		h.clock.Advance(time.Hour)
		if _, err := h.c.Begin(t.Context(), inline, upstream.Ask{}); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("expired metadata of the settings: %v", err)
		}
	})
}

func TestOurMetadataFollowsOurKeysAndIsSignedByTheOneThatSignsNow(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		h.introduce(p)
		got := h.idp.Partner
		if got.EntityID != "https://sign-in.example.org/partner/bank/metadata" || got.ACS != "https://sign-in.example.org/partner/bank/callback" ||
			got.RequestsAre != "true" || got.Wants != "true" || got.CacheDuration != "PT43200S" || len(got.Signing) != 1 || len(got.Encryption) != 1 {
			t.Errorf("%+v", got)
		}
		if key, ok := got.Encryption[0].PublicKey.(*rsa.PublicKey); !ok || !key.Equal(&idptest.Key(2).PublicKey) {
			t.Error("the key for encryption is another one")
		}
		// A new key is announced, then signs; the old one is still named.
		next := private(t, 2, "k2", h.clock.Now())
		h.keys = []keyring.Private{h.keys[0], next}
		h.clock.Advance(publishedFor)
		h.introduce(p)
		if len(h.idp.Partner.Signing) != 2 {
			t.Errorf("%d keys are named", len(h.idp.Partner.Signing))
		}
		h.keys = []keyring.Private{next, h.keys[0]}
		if _, r := h.begin(p, upstream.Ask{}); r.Issuer == "" {
			t.Error("a request that is signed by the new key is not read")
		}
		// Another node makes the same certificates.
		other := &Consumer{BaseURL: h.c.BaseURL, Signing: h.c.Signing, Now: h.c.Now}
		mine, err := h.c.signing(p)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := other.signing(p)
		if err != nil || !slices.EqualFunc(mine, theirs, (*x509.Certificate).Equal) {
			t.Errorf("two nodes name different certificates: %v", err)
		}
		// A key of the partner's own, older ones to decrypt with.
		h.settings.SAML.PrivateKey = idptest.PEM(idptest.Key(0))
		h.settings.SAML.DecryptionKey = idptest.PEM(idptest.Key(1)) + idptest.PEM(idptest.Key(2))
		h.settings.SAML.EntityID = "urn:northland"
		before := h.idp.Partner.Encryption[0].PublicKey.(*rsa.PublicKey) //nolint:forcetypeassert // checked above
		p = h.provider()
		h.introduce(p)
		pending, r := h.begin(p, upstream.Ask{})
		a := h.idp.Good(r, "customer-1")
		a.Encrypt = before
		if _, err := h.finish(p, pending, a); err != nil || r.Issuer != "urn:northland" || h.idp.Partner.EntityID != r.Issuer {
			t.Errorf("encrypted for the key before: %v", err)
		}
	})
}

func TestProbingTellsAnOutageAndNothingThatOnlyLooksLikeOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.provider()
		if err := h.c.Probe(t.Context(), p, false); err != nil || h.calls["/sso"] != 0 {
			t.Errorf("%v; the address for sign-in was opened %d times although the metadata is beside it", err, h.calls["/sso"])
		}
		h.status["/metadata"] = http.StatusBadGateway
		if err := h.c.Probe(t.Context(), p, false); upstream.FailureOf(err) != upstream.Outage {
			t.Errorf("%v", err)
		}
		h.settings.SAML.MetadataURL, h.settings.SAML.Metadata = "", h.idp.MetadataOf()
		p = h.provider()
		for status, down := range map[int]bool{0: false, 400: false, 405: false, 500: false, 502: true, 503: true, 504: true, 429: true} {
			h.status["/sso"] = status
			if err := h.c.Probe(t.Context(), p, true); (upstream.FailureOf(err) == upstream.Outage) != down {
				t.Errorf("%d: %v", status, err)
			}
		}
		h.settings.SAML.Probe = upstream.Off
		h.server.Close()
		if err := h.c.Probe(t.Context(), h.provider(), true); err != nil {
			t.Errorf("probing is off: %v", err)
		}
		h.settings.SAML.Probe = ""
		if err := h.c.Probe(t.Context(), h.provider(), true); upstream.FailureOf(err) != upstream.Outage {
			t.Errorf("nobody listens: %v", err)
		}
		closed, err := outbound.New(outbound.Settings{Timeout: time.Second, MaxBytes: 1 << 10}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer closed.Close()
		h.c.Outbound = closed
		if err := h.c.Probe(t.Context(), h.provider(), true); err != nil {
			t.Errorf("an address that we may not call: %v", err)
		}
	})
}

func TestACheckNamesWhatDoesNotFit(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		find := func(text string, wrong bool) {
			t.Helper()
			for _, f := range h.c.Examine(t.Context(), h.provider()) {
				if strings.Contains(f.Text, text) && f.Wrong == wrong {
					return
				}
			}
			t.Errorf("no finding (wrong: %v) says %q: %+v", wrong, text, h.c.Examine(t.Context(), h.provider()))
		}
		for _, f := range h.c.Examine(t.Context(), h.provider()) {
			if f.Wrong {
				t.Errorf("of a good partner: %s", f.Text)
			}
		}
		find("keys: 1 usable", false)
		find("deployment's key, which changes", false)
		find("the partner has no address for logout", false)
		h.idp.SLO, h.idp.Logout = h.server.URL+"/slo", []protocol.Binding{protocol.PostBinding}
		find("signing out there, too, is offered, and the partner can sign people out here: messages go by post to", false)
		find("pins who must have signed", false)
		h.settings.SAML.Binding = "post"
		find("saml.binding: the partner offers no sign-in by post: redirect", true)
		h.settings.SAML.Binding = ""
		h.settings.SAML.NameID = "unspecified"
		find("is not among the formats", true)
		h.settings.SAML.NameID = ""
		h.settings.SAML.Encryption = upstream.Offered
		find("also takes assertions in clear", false)
		h.idp.ValidUntil = h.clock.Now().Add(48 * time.Hour)
		find("valid until 2026-03-04", false)
		h.idp.ValidUntil = h.clock.Now().Add(-time.Hour)
		find("expired", true)
		h.idp.ValidUntil = time.Time{}
		h.status["/metadata"] = http.StatusNotFound
		find("status 404", true)
		h.status["/metadata"] = 0
		h.clock.Set(h.idp.Signer.Certificate().NotAfter.Add(-24 * time.Hour))
		find("its date ends on", false)
		h.clock.Advance(48 * time.Hour)
		find("its date ended on", false)
		h.c.BaseURL = "http://sign-in.example.org"
		find("our metadata: saml: the address for answers: must begin with https://", true)
	})
}

// Whatever a browser brings, it signs nobody in unless the partner made it.
func FuzzAnswersOfStrangersSignNobodyIn(f *testing.F) {
	clock := dbtest.NewClock()
	idp := idptest.New(f, "https://partner.test", clock.Now)
	settings := upstream.Settings{
		ID: "bank", Protocol: "saml", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: idp.EntityID,
		SAML: upstream.SAMLSettings{Metadata: idp.MetadataOf(), DecryptionKey: idptest.PEM(idptest.Key(2)), CBC: true, Encryption: upstream.Offered},
	}
	p, problems := settings.Build()
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	c := &Consumer{BaseURL: "https://sign-in.example.org", Now: clock.Now}
	r := idptest.Request{ID: "_request", Issuer: c.entityID(p), ACS: c.callback(p), RelayState: "state"}
	foreign := idp.Good(r, "customer-1")
	foreign.Signer = idptest.SignerOf(f, idptest.Key(1))
	f.Add(foreign.XML(f))
	foreign.Encrypt = &idptest.Key(2).PublicKey
	f.Add(foreign.XML(f))
	foreign.SignResponse, foreign.SignAssertion = false, false
	f.Add(foreign.XML(f))
	f.Add(idp.Refusal(r, "Responder", "AuthnFailed").XML(f))
	f.Add(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`)
	pending := upstream.Pending{State: "state", Request: "_request", At: clock.Now()}
	f.Fuzz(func(t *testing.T, text string) {
		form := url.Values{"RelayState": {"state"}, "SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}}
		got, err := c.Finish(t.Context(), p, pending, upstream.Answer{Params: form})
		if err == nil || got.Subject != "" || upstream.FailureOf(err) == "" {
			t.Errorf("%v: %q", err, text)
		}
	})
}

// relayKeys are the keys of a deployment.
func relayKeys(t *testing.T) *secret.Keys {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
