package kit

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Browsers that keep no Secure cookie of http:, which are most but Chromium and Firefox, keep
// ours on their own machine; inside, the names are the usual ones.
func TestOverHTTPCookiesAreKeptByEveryBrowser(t *testing.T) {
	cases := []struct{ name, sent, session, zone string }{
		{"a plain name is ours", "parvis_session=one; other=two", "one", ""},
		{"one with the prefix is left from before", "__Host-parvis_session=old; parvis_session=new", "new", ""},
		{"and does not count alone", "__Host-parvis_session=old", "", ""},
		{"but that of the zone, which a script writes", "__Host-parvis_zone=America/Toronto", "", "America/Toronto"},
		{"two values are none", "parvis_session=one; parvis_session=two", "", ""},
		{"nothing", "", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if c.sent != "" {
				r.Header.Set("Cookie", c.sent)
			}
			OverHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if got := Cookie(r, SessionCookie); got != c.session {
					t.Errorf("session %q, want %q", got, c.session)
				}
				if got := Cookie(r, ZoneCookie); got != c.zone {
					t.Errorf("zone %q, want %q", got, c.zone)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got := r.Header.Get("Cookie"); got != c.sent {
				t.Errorf("the request was changed to %q", got)
			}
		})
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"with a status":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusSeeOther) },
		"with a body":    func(w http.ResponseWriter) { _, _ = w.Write([]byte("page")) },
		"without either": func(http.ResponseWriter) {},
	} {
		t.Run("an answer "+name, func(t *testing.T) {
			w := httptest.NewRecorder()
			OverHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				SetCookie(w, DeviceCookie, "value", time.Hour)
				ClearCookie(w, HeldCookie)
				http.SetCookie(w, &http.Cookie{Name: "other", Value: "kept", Secure: true})
				answer(w)
			})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			got := w.Header()["Set-Cookie"]
			want := []string{
				"parvis_device=value; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
				"parvis_held=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
				"other=kept; Secure",
			}
			if len(got) != len(want) {
				t.Fatalf("cookies %q", got)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("cookie %q, want %q", got[i], want[i])
				}
			}
		})
	}
}
