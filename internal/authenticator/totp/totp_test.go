package totp_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

type house struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	totp.Apps
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	clock := dbtest.NewClock()
	root := bytes.Repeat([]byte{1}, secret.RootBytes)
	keys, err := secret.NewKeys(root, root)
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, clock: clock, Apps: totp.Apps{
			Keys: keys, Settings: totp.Preset("parvis"),
			Methods: authenticator.Authenticators{Settings: authenticator.Preset("parvis")},
		}})
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) code(d totp.Draft, off time.Duration) string {
	h.Helper()
	code, err := d.Seed.Code(h.clock.Now().Add(off))
	if err != nil {
		h.Fatal(err)
	}
	return code
}

// bind sets up an app whose confirming code was that of five minutes ago.
func (h *house) bind(account id.Account) totp.Draft {
	h.Helper()
	d := totp.Prepare()
	earlier := h.clock.Now().Add(-5 * time.Minute)
	at, ok, err := h.Confirm(d, h.code(d, -5*time.Minute), earlier)
	if err != nil || !ok {
		h.Fatalf("confirm: %v %v", ok, err)
	}
	h.write(func(tx *db.Tx) error { return h.Bind(tx, account, d, "", at) })
	return d
}

func (h *house) find(account id.Account, app authenticator.ID) (out totp.App, found bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, found, err = h.Find(tx, account, app); return err })
	return out, found
}

func (h *house) accept(app totp.App, code string) (out totp.Outcome) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, err = h.Accept(tx, app, code); return err })
	return out
}

// RFC 6238, appendix B, SHA1: its codes have eight digits, of which ours are the last six.
func TestTheCodesAreThoseOfTheStandard(t *testing.T) {
	seed, err := totp.ParseSeed(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))
	if err != nil {
		t.Fatal(err)
	}
	for seconds, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		got, err := seed.Code(time.Unix(seconds, 0))
		if err != nil || got != want[2:] {
			t.Errorf("at %d: %s, %v, want %s", seconds, got, err, want[2:])
		}
	}
}

func TestASeedIsRandomHiddenAndCanBeTyped(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		d := totp.Prepare()
		text := d.Seed.Secret()
		if len(text) != 32 || seen[text] {
			t.Fatalf("seed %q", text)
		}
		seen[text] = true
		if key := d.Seed.Key(); len(key) != 8 || strings.Join(key, "") != text {
			t.Errorf("key %v of %s", key, text)
		}
		back, err := totp.ParseSeed(text)
		if err != nil || back.Secret() != text {
			t.Errorf("%v", err)
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "draft", d, "seed", d.Seed)
		all := fmt.Sprintf("%v %+v %#v %s", d, d, d, d.Seed) + out.String()
		if strings.Contains(all, text) {
			t.Errorf("the seed is printed: %s", all)
		}
	}
}

func FuzzSeed(f *testing.F) {
	for _, s := range []string{"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd", "", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ=", strings.Repeat("1", 32)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := totp.ParseSeed(text)
		if err == nil && seed.Secret() != text {
			t.Errorf("%q became %q", text, seed.Secret())
		}
	})
}

func TestTheAddressIsReadByAppsWhateverTheNames(t *testing.T) {
	d := totp.Prepare()
	for _, c := range []struct{ issuer, account, wantIssuer, wantAccount string }{
		{"Parvis", "sam@example.org", "Parvis", "sam@example.org"},
		{"Compte Mon Nord: été & co", "élise+a@exemple.ca", "Compte Mon Nord été & co", "élise+a@exemple.ca"},
		{"A/B?c=d#e", "x%y", "A/B?c=d#e", "x%y"},
	} {
		text, err := d.Seed.URI(c.issuer, c.account)
		if err != nil {
			t.Fatal(err)
		}
		key, err := otp.NewKeyFromURL(text)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil || strings.Contains(text, "+") || u.Scheme != "otpauth" || u.Host != "totp" {
			t.Errorf("%s %v", text, err)
		}
		if key.Issuer() != c.wantIssuer || key.AccountName() != c.wantAccount || key.Secret() != d.Seed.Secret() ||
			key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Algorithm() != otp.AlgorithmSHA1 {
			t.Errorf("%s: %q %q", text, key.Issuer(), key.AccountName())
		}
		if u.Path != "/"+c.wantIssuer+":"+c.wantAccount {
			t.Errorf("path %q", u.Path)
		}
	}
	if _, err := d.Seed.URI("", "sam"); err == nil {
		t.Error("an address without issuer")
	}
}

func TestAnAppIsConfirmedBoundUsedAndRemoved(t *testing.T) {
	each(t, func(h *house) {
		d := totp.Prepare()
		if _, ok, err := h.Confirm(d, "000000", h.clock.Now()); ok || err != nil {
			h.Skip("one in 333,333: the code is 000000")
		}
		first := h.code(d, 0)
		at, ok, err := h.Confirm(d, first, h.clock.Now())
		if !ok || err != nil {
			h.Fatalf("%v %v", ok, err)
		}
		h.write(func(tx *db.Tx) error { return h.Bind(tx, "SAM", d, "Telephone", at) })
		app, found := h.find("SAM", d.ID)
		if !found || app.Account != "SAM" || app.ID != d.ID {
			h.Fatalf("%+v", app)
		}
		if got := h.accept(app, first); got != totp.Used {
			h.Errorf("the code of the set-up signs in: %s", got)
		}
		h.clock.Advance(totp.Period)
		if got := h.accept(app, h.code(d, 0)); got != totp.Accepted {
			h.Errorf("the next code: %s", got)
		}
		var list []authenticator.Authenticator
		var apps []totp.App
		h.write(func(tx *db.Tx) (err error) {
			if apps, err = h.All(tx, "SAM"); err != nil {
				return err
			}
			list, err = authenticator.List(tx, "SAM")
			return err
		})
		if len(list) != 1 || list[0].Type != authenticator.TOTP || list[0].Name != "Telephone" || len(apps) != 1 || apps[0].ID != d.ID {
			h.Errorf("%+v %+v", list, apps)
		}
		remove := func(account id.Account) (removed bool) {
			h.write(func(tx *db.Tx) (err error) { removed, err = h.Remove(tx, account, d.ID); return err })
			return removed
		}
		if _, found := h.find("EVE", d.ID); found || remove("EVE") || !remove("SAM") || remove("SAM") {
			h.Error("removed by another, not at all, or twice")
		}
		h.clock.Advance(totp.Period)
		if got := h.accept(app, h.code(d, 0)); got != totp.Used {
			h.Errorf("a removed app: %s", got)
		}
		h.write(func(tx *db.Tx) (err error) { list, err = authenticator.List(tx, "SAM"); return err })
		if len(list) != 0 {
			h.Errorf("%+v", list)
		}
	})
}

func TestOneStepBeforeAndAfterIsAcceptedAndNoFurther(t *testing.T) {
	each(t, func(h *house) {
		for steps, want := range map[int]totp.Outcome{-3: totp.Wrong, -2: totp.Wrong, -1: totp.Accepted, 0: totp.Accepted, 1: totp.Accepted, 2: totp.Wrong, 3: totp.Wrong} {
			d := h.bind(id.Account(fmt.Sprintf("SAM%d", steps)))
			app, _ := h.find(id.Account(fmt.Sprintf("SAM%d", steps)), d.ID)
			if got := h.accept(app, h.code(d, time.Duration(steps)*totp.Period)); got != want {
				h.Errorf("%d steps off: %s", steps, got)
			}
		}
		h.Settings.Skew = 0
		d := h.bind("EVE")
		app, _ := h.find("EVE", d.ID)
		if got := h.accept(app, h.code(d, -totp.Period)); got != totp.Wrong {
			h.Errorf("without skew: %s", got)
		}
	})
}

func TestATimeStepIsAcceptedOnceAndNeverAnEarlierOne(t *testing.T) {
	each(t, func(h *house) {
		d := h.bind("SAM")
		stale, _ := h.find("SAM", d.ID) // read before the others were accepted, as another node may
		now := h.code(d, 0)
		if got := h.accept(stale, now); got != totp.Accepted {
			h.Fatal(got)
		}
		if got := h.accept(stale, now); got != totp.Used {
			h.Errorf("again: %s", got)
		}
		if got := h.accept(stale, h.code(d, -totp.Period)); got != totp.Used {
			h.Errorf("an earlier one: %s", got)
		}
		if got := h.accept(stale, h.code(d, totp.Period)); got != totp.Accepted {
			h.Errorf("a later one: %s", got)
		}
		h.clock.Advance(totp.Period)
		fresh, _ := h.find("SAM", d.ID)
		if got := h.accept(fresh, h.code(d, 0)); got != totp.Used {
			h.Errorf("its own time came, and it was used: %s", got)
		}
	})
}

func TestOneCodePresentedFortyTimesAtOnceIsAcceptedOnce(t *testing.T) {
	each(t, func(h *house) {
		d := h.bind("SAM")
		app, _ := h.find("SAM", d.ID)
		code := h.code(d, 0)
		other := dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[totp.Outcome]int{}
		for i := range 40 {
			node := []*db.DB{h.db, other}[i%2]
			wg.Go(func() {
				var got totp.Outcome
				err := node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					got, err = h.Accept(tx, app, code)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					h.Errorf("accept: %v", err)
				}
				outcomes[got]++
			})
		}
		wg.Wait()
		if outcomes[totp.Accepted] != 1 || outcomes[totp.Used] != 39 {
			h.Errorf("%v", outcomes)
		}
	}, dbtest.WithoutRehearsal())
}

func TestASeedIsSealedToItsRow(t *testing.T) {
	each(t, func(h *house) {
		sam, eve := h.bind("SAM"), h.bind("EVE")
		h.write(func(tx *db.Tx) error {
			var stored []byte
			if err := tx.QueryRow(`SELECT seed FROM totp WHERE authenticator_id = $1`, eve.ID).Scan(&stored); err != nil {
				return err
			}
			plain, err := base32.StdEncoding.DecodeString(eve.Seed.Secret())
			if err != nil || bytes.Contains(stored, plain) || bytes.Contains(stored, []byte(eve.Seed.Secret())) {
				t.Errorf("the seed stands in clear: %v", err)
			}
			return tx.ExecOne(`UPDATE totp SET seed = $1 WHERE authenticator_id = $2`, stored, sam.ID)
		})
		err := h.db.Read(context.Background(), func(tx *db.Tx) error { _, _, err := h.Find(tx, "SAM", sam.ID); return err })
		if err == nil {
			t.Error("a foreign seed is accepted")
		}
	})
}

func TestThereIsRoomForSoManyApps(t *testing.T) {
	each(t, func(h *house) {
		h.Methods.Settings.Apps = 2
		h.bind("SAM")
		h.bind("SAM")
		err := h.db.Write(context.Background(), func(tx *db.Tx) error { return h.Bind(tx, "SAM", totp.Prepare(), "", 1) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a third: %v", err)
		}
		h.write(func(tx *db.Tx) error { return h.Erase(tx, "SAM") })
		var apps []totp.App
		h.write(func(tx *db.Tx) (err error) { apps, err = h.All(tx, "SAM"); return err })
		if len(apps) != 0 {
			t.Errorf("%d outlive their erasure", len(apps))
		}
	})
}

func TestAClockThatIsOffIsRecognisedAtSetUp(t *testing.T) {
	each(t, func(h *house) {
		d := totp.Prepare()
		h.clock.Set(h.clock.Now().Truncate(totp.Period))
		seen := false
		for _, off := range []time.Duration{5 * time.Minute, -time.Hour, 90 * time.Minute} {
			got, ok, err := h.Drift(d, h.code(d, off), h.clock.Now())
			if err != nil || ok && got != off {
				t.Errorf("%v off: %v %v", off, got, err)
			}
			seen = seen || ok // several steps of a day may share a code, then nothing is said
		}
		if !seen {
			t.Error("never recognised")
		}
		if _, ok, _ := h.Drift(d, h.code(d, 48*time.Hour), h.clock.Now()); ok {
			t.Log("a code of another day is that of today, too") // 5,760 in a million
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := totp.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if (totp.Settings{Skew: 3}).Problems() == nil {
		t.Error("codes that live for three and a half minutes")
	}
}
