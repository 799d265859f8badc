package oidc_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db/dbtest"
	"parvis/internal/jose"
	"parvis/internal/keyring"
)

// hasty are settings for a client that keeps keys for two seconds.
var hasty = keyring.Settings{CacheFor: 2 * time.Second, PublishBefore: 5 * time.Second, KeepAfter: 15 * time.Second}

// keeper is a client that keeps the published keys for exactly as long as it is told, and
// never asks for a key that it does not know: whatever is not published early enough shows.
type keeper struct {
	h    *house
	set  *jose.KeySet
	ends time.Time
}

func (k *keeper) verify(node *house, token string, alg jose.Algorithm) bool {
	k.h.t.Helper()
	if now := k.h.clock.Now(); k.set == nil || !now.Before(k.ends) {
		got := node.browser().get("/jwks.json")
		_, age, _ := strings.Cut(got.Header.Get("Cache-Control"), "max-age=")
		seconds, err := strconv.Atoi(age)
		check(k.h.t, err)
		k.set, err = jose.ParseKeySet([]byte(got.text))
		check(k.h.t, err)
		k.ends = now.Add(time.Duration(seconds) * time.Second)
	}
	_, _, err := k.set.Verify(token, alg)
	return err == nil
}

// issued is an ID token that was made a while ago.
type issued struct {
	token string
	alg   jose.Algorithm
	at    time.Time
}

// rotate makes ID tokens on two nodes, of which one has a clock that is behind, while a
// third process rotates the keys every ten seconds. It tells how many signatures could not
// be verified, of how many, by how many different keys.
func rotate(t *testing.T, h *house, s keyring.Settings, rotations int) (failed, made, keys int) {
	t.Helper()
	second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
	operator := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
	second.keyring.Now = func() time.Time { return h.clock.Now().Add(-1900 * time.Millisecond) }
	for _, node := range []*house{h, second, operator} {
		node.keyring.Settings = s
	}
	b, _ := h.agreed("service", "es256")
	other := &browser{h: second, cookies: b.cookies}
	client := &keeper{h: h}
	seen := map[string]bool{}
	var old []issued
	next := h.clock.Now().Add(time.Second)
	const step = 470 * time.Millisecond
	for end := next.Add(time.Duration(rotations) * 10 * time.Second); h.clock.Now().Before(end); h.clock.Advance(step) {
		if !h.clock.Now().Before(next) {
			check(t, operator.keyring.Rotate(t.Context()))
			next = next.Add(10 * time.Second)
		}
		var first, later tokens
		var both sync.WaitGroup
		codes := []string{b.code("service"), other.code("es256")}
		both.Go(func() { first = second.asClient("service", exchange(codes[0])) })
		both.Go(func() { later = h.asPost("es256", exchange(codes[1])) })
		both.Wait()
		now := h.clock.Now()
		old = append(old, issued{first.ID, jose.RS256, now}, issued{later.ID, jose.ES256, now})
		for i, one := range old {
			// Each is verified when it is made, and again before its ten seconds are over.
			if age := now.Sub(one.at); i < len(old)-2 && (age < 9*time.Second || age >= 9*time.Second+step) {
				continue
			}
			made++
			seen[jose.KeyID(one.token)] = true
			if !client.verify([]*house{h, second}[made%2], one.token, one.alg) {
				failed++
			}
		}
		for len(old) > 0 && now.Sub(old[0].at) > 10*time.Second {
			old = old[1:]
		}
		// The nodes hear of a rotation by their polls only, after they have signed once more.
		for _, node := range []*house{h, second} {
			check(t, node.keyring.Refresh(t.Context()))
		}
	}
	return failed, made, len(seen)
}

// asPost is asClient by client_secret_post.
func (h *house) asPost(client string, form url.Values) tokens {
	h.t.Helper()
	form.Set("client_id", client)
	form.Set("client_secret", password)
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.issuer+"/token", strings.NewReader(form.Encode()))
	check(h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.send(r)
}

// OIDC Core, 10.1.1: keys that sign are published before, for as long as a client may keep the older set, and after.
func TestKeysRotateUnderLoadWithoutOneFailedVerification(t *testing.T) {
	if problems := hasty.Problems(); len(problems) > 0 {
		t.Fatal(problems)
	}
	each(t, func(t *testing.T, h *house) {
		failed, made, keys := rotate(t, h, hasty, 5)
		t.Logf("%d signatures of %d keys", made, keys)
		if failed != 0 || keys < 2*5 {
			t.Errorf("%d of %d signatures cannot be verified, by %d keys", failed, made, keys)
		}
	})
}

// What the test above measures can fail: keys that are published too late are found out, and
// settings that would do that are refused.
func TestKeysThatArePublishedTooLateAreFoundOut(t *testing.T) {
	late := hasty
	late.PublishBefore = time.Second
	if len(late.Problems()) == 0 {
		t.Error("settings by which keys sign before clients know them are taken")
	}
	each(t, func(t *testing.T, h *house) {
		if failed, made, _ := rotate(t, h, late, 3); failed == 0 {
			t.Errorf("all of %d signatures were verified", made)
		}
	})
}
