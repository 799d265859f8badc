package kit

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// Browsers that keep no Secure cookie of http:, which are most but Chromium and Firefox, keep
// ours on their own machine; inside, the names are the usual ones.
func TestOverHTTPCookiesAreKeptByEveryBrowser(t *testing.T) {
	cases := []struct{ name, sent, session, zone string }{
		{"a plain name is ours", "parvis_session=one; other=two", "one", ""},
		{"one with the prefix is", "__Host-parvis_session=one; other=two", "one", ""},
		{"and counts where there are both", "__Host-parvis_session=one; parvis_session=planted", "one", ""},
		{"as where another one has the prefix", "__Host-parvis_browser=one; parvis_session=planted", "", ""},
		{"that of the zone is written by a script", "__Host-parvis_zone=America/Toronto", "", "America/Toronto"},
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
	plain := []string{"parvis_device=value; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", "parvis_held=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"}
	safe := []string{"__Host-parvis_device=value; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax", "__Host-parvis_held=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}
	const other, gone = "other=kept; Secure", "parvis_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
	for name, answer := range map[string]func(http.ResponseWriter){
		"with a status":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusSeeOther) },
		"with a body":    func(w http.ResponseWriter) { _, _ = w.Write([]byte("page")) },
		"without either": func(http.ResponseWriter) {},
	} {
		for sent, want := range map[string][]string{
			"":                          {safe[0], plain[0], safe[1], plain[1], other},
			"other=kept":                {safe[0], plain[0], safe[1], plain[1], other},
			"parvis_session=one":        {plain[0], plain[1], other},
			"__Host-parvis_zone=UTC":    {safe[0], safe[1], other},
			"__Host-parvis_session=one": {safe[0], safe[1], other},
			"__Host-parvis_browser=one; parvis_session=one": {safe[0], safe[1], other, gone},
		} {
			t.Run("an answer "+name+" to who sent "+sent, func(t *testing.T) {
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
				if sent != "" {
					r.Header.Set("Cookie", sent)
				}
				OverHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					SetCookie(w, DeviceCookie, "value", time.Hour)
					ClearCookie(w, HeldCookie)
					http.SetCookie(w, &http.Cookie{Name: "other", Value: "kept", Secure: true})
					answer(w)
				})).ServeHTTP(w, r)
				if got := w.Header()["Set-Cookie"]; !slices.Equal(got, want) {
					t.Errorf("cookies %q, want %q", got, want)
				}
			})
		}
	}
}
