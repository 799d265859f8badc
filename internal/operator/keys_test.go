package operator

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/secret"
)

func keysOf(t *testing.T, d *db.DB) Keys {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		t.Fatal(err)
	}
	return Keys{Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}}
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func found(t *testing.T, d *db.DB, k Keys, token string) (Key, bool) {
	t.Helper()
	var key Key
	var ok bool
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		var err error
		key, ok, err = k.Find(tx, token)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return key, ok
}

func TestAKeyIsGoodUntilItEndsOrIsRevoked(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := keysOf(t, d)
		short, long := NewDraft("short", []Scope{ReadUpstreams}, time.Hour), NewDraft("long", []Scope{WriteUpstreams}, MaxLife)
		for _, draft := range []Draft{short, long} {
			write(t, d, func(tx *db.Tx) error { return k.Add(tx, draft) })
		}
		key, ok := found(t, d, k, short.Token)
		if !ok || key.Name != "short" || !key.May(ReadUpstreams) || key.May(WriteUpstreams) || !key.UsedAt.IsZero() {
			t.Errorf("%v %+v", ok, key)
		}
		if key, ok := found(t, d, k, long.Token); !ok || !key.May(ReadUpstreams) || !key.May(WriteUpstreams) {
			t.Errorf("%v %+v", ok, key)
		}
		for _, wrong := range []string{"", "parvis_", short.Token[:len(short.Token)-1], short.Token + "A", strings.TrimPrefix(short.Token, "parvis_"), strings.ToUpper(short.Token)} {
			if _, ok := found(t, d, k, wrong); ok {
				t.Errorf("%q is taken for a key", wrong)
			}
		}
		for range 2 {
			write(t, d, func(tx *db.Tx) error { return k.Used(tx, key.ID) })
		}
		if key, _ := found(t, d, k, short.Token); !key.UsedAt.Equal(clock.Now().Truncate(time.Millisecond)) {
			t.Errorf("used at %v", key.UsedAt)
		}
		clock.Advance(time.Hour)
		if _, ok := found(t, d, k, short.Token); ok {
			t.Error("a key is good after its end")
		}
		write(t, d, func(tx *db.Tx) error { return k.Revoke(tx, "long") })
		if _, ok := found(t, d, k, long.Token); ok {
			t.Error("a revoked key is good")
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error { return k.Revoke(tx, "long") })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		var all []Key
		write(t, d, func(tx *db.Tx) error {
			var err error
			all, err = k.List(tx)
			return err
		})
		if len(all) != 2 || all[0].Name != "long" || all[0].RevokedAt.IsZero() || all[1].Name != "short" {
			t.Errorf("%+v", all)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestOfAKeyOnlyTheDigestIsKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := keysOf(t, d)
		draft := NewDraft("one", Scopes(), time.Hour)
		write(t, d, func(tx *db.Tx) error { return k.Add(tx, draft) })
		write(t, d, func(tx *db.Tx) error {
			var digest []byte
			err := tx.QueryRow(`SELECT digest FROM api_key`).Scan(&digest)
			if !bytes.Equal(digest, secret.Digest(draft.Token)) {
				t.Errorf("%x", digest)
			}
			return err
		})
		if text := fmt.Sprintf("%v %s", draft, draft.LogValue()); strings.Contains(text, draft.Token) {
			t.Errorf("a draft prints its token: %s", text)
		}
	})
}

func TestAKeyThatCannotBeIsRefusedWithItsReason(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := keysOf(t, d)
		try := func(draft Draft) error {
			return d.Write(t.Context(), func(tx *db.Tx) error { return k.Add(tx, draft) })
		}
		for name, draft := range map[string]Draft{
			"no name":         NewDraft("", Scopes(), time.Hour),
			"a line's end":    NewDraft("a\nb", Scopes(), time.Hour),
			"capitals":        NewDraft("Terraform", Scopes(), time.Hour),
			"a long name":     NewDraft(strings.Repeat("a", 65), Scopes(), time.Hour),
			"no scope":        NewDraft("a", nil, time.Hour),
			"no life":         NewDraft("a", Scopes(), 0),
			"too long a life": NewDraft("a", Scopes(), MaxLife+time.Second),
		} {
			if err := try(draft); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := try(NewDraft("a", Scopes(), time.Hour)); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { return k.Revoke(tx, "a") })
		if err := try(NewDraft("a", Scopes(), time.Hour)); !fault.Is(err, fault.Conflict) {
			t.Errorf("the name of a revoked key was given again: %v", err)
		}
		for i := range maxKeys {
			if err := try(NewDraft(fmt.Sprintf("key-%d", i), Scopes(), time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if err := try(NewDraft("one-more", Scopes(), time.Hour)); !fault.Is(err, fault.Conflict) {
			t.Errorf("more keys than can be: %v", err)
		}
		var s Scope
		if err := s.UnmarshalText([]byte("everything")); err == nil || !strings.Contains(err.Error(), string(WriteUpstreams)) {
			t.Error(err)
		}
	})
}

func TestManyAtOnceMakeOneKeyOfAName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := keysOf(t, d)
		var made, ended atomic.Int64
		var all sync.WaitGroup
		for range 16 {
			draft := NewDraft("one", Scopes(), time.Hour)
			all.Go(func() {
				if d.Write(t.Context(), func(tx *db.Tx) error { return k.Add(tx, draft) }) == nil {
					made.Add(1)
				}
			})
		}
		all.Wait()
		for range 16 {
			all.Go(func() {
				if d.Write(t.Context(), func(tx *db.Tx) error { return k.Revoke(tx, "one") }) == nil {
					ended.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 || ended.Load() != 1 {
			t.Errorf("made %d times, revoked %d times", made.Load(), ended.Load())
		}
	})
}
