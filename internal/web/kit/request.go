package kit

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/secret"
)

// The cookies. All are Secure, SameSite=Lax and for the path "/", and HttpOnly but that of
// the zone, which the script of a page writes. OverHTTP is the one exception.
const (
	SessionCookie = "__Host-parvis_session" // the signed-in session
	BrowserCookie = "__Host-parvis_browser" // binds journeys and form tokens to one browser
	DeviceCookie  = "__Host-parvis_device"  // a browser that signed in before
	DoorsCookie   = "__Host-parvis_doors"   // by which door somebody came in last, for each service
	HeldCookie    = "__Host-parvis_held"    // a session set aside while another account is proven, to merge the two
	LangCookie    = "__Host-parvis_lang"    // the chosen language
	ZoneCookie    = "__Host-parvis_zone"    // the time zone of the browser, until it is closed
)

// Scene is what surrounds a page: whose door it is, and the ways out. A handler
// fills it as soon as it knows, so that error pages, too, name the service and
// lead back to it. A View's own fields come first.
type Scene struct {
	Lintel      *Lintel       // whose door; nil: the deployment's
	Back        *Link         // the way back to the service, in the square
	Reference   string        // what to tell support; "": that of the request
	FormOrigins []string      // origins or schemes that a form of this page may be redirected to
	Session     *SessionClock // when somebody is signed in
	Person      string        // who is signed in, for the tokens of their own forms: Site.OwnForm; "": nobody
	Retry       string        // where "try again" of an error page leads; "": this page
}

// visitor is what Wrap learned about a request.
type visitor struct {
	lang      i18n.Lang
	chosen    bool // the language, by this request
	browser   string
	ip        string
	received  bool   // by Wrap
	reference string // made when it is first asked for

	told   string         // the zone that the browser told
	zone   *time.Location // in which times are said, when that was asked
	clocks bool           // a time of day was said
	zoned  bool           // the zone was named
	scene  Scene
}

type visitorKey struct{}

func of(r *http.Request) *visitor {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{lang: i18n.English}
}

// SceneOf is the request's scene, to be filled in place.
func SceneOf(r *http.Request) *Scene { return &of(r).scene }

// Lang is the language of the request's answer.
func Lang(r *http.Request) i18n.Lang { return of(r).lang }

// Browser is the secret of the browser cookie; "" when the browser sent none.
// What is stored of it is secret.Digest of it.
func Browser(r *http.Request) string { return of(r).browser }

// ClientIP is the address of the person's machine, behind trusted proxies too.
func ClientIP(r *http.Request) string { return of(r).ip }

// Reference is the short code by which support finds this request in the log, e.g. "7K3Q-M92T".
func Reference(r *http.Request) string {
	v := of(r)
	if v.received && v.reference == "" {
		v.reference = newReference()
	}
	return v.reference
}

// EnsureBrowser is Browser, after giving the browser its cookie when it has none.
func EnsureBrowser(w http.ResponseWriter, r *http.Request) string {
	v := of(r)
	if v.browser == "" {
		v.browser = secret.NewToken()
		SetCookie(w, BrowserCookie, v.browser, 0)
	}
	return v.browser
}

// SetCookie gives a cookie of ours; age 0 ends it with the browser.
func SetCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// ClearCookie takes a cookie of ours away.
func ClearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Cookie is the value of a cookie; "" when there is none, when it has more than
// 200 bytes, or when the request carries two different ones: one of them was planted.
func Cookie(r *http.Request, name string) string {
	found := ""
	for i, c := range r.CookiesNamed(name) {
		if len(c.Value) > 200 || i > 0 && c.Value != found {
			return ""
		}
		found = c.Value
	}
	return found
}

// receive makes the visitor of a request.
func (s *Site) receive(ctx context.Context, r *http.Request) *http.Request {
	v := &visitor{lang: s.langOf(r), told: Cookie(r, ZoneCookie), ip: s.clientIP(r), received: true}
	if b := Cookie(r, BrowserCookie); len(b) == 43 {
		v.browser = b
	}
	out := r.WithContext(context.WithValue(ctx, visitorKey{}, v))
	out.Pattern = ""
	return out
}

// newReference is eight characters that can be read out on the telephone: no 0, 1, I, L, O, U.
func newReference() string {
	const letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	out := make([]byte, 0, 9)
	for i, b := range raw {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, letters[int(b)%len(letters)])
	}
	return string(out)
}

// clientIP walks X-Forwarded-For from the right past every trusted proxy
// (what stands further left was written by the client itself).
func (s *Site) clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	at = at.Unmap().WithZone("")
	if !s.trusted(at) {
		return at.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap().WithZone("")
	}
	return at.String()
}

func (s *Site) trusted(at netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(at) {
			return true
		}
	}
	return false
}
