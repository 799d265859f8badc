// Package visit says who is at the door: it reads the browser, device and
// session cookies of a request, for every page and endpoint, and sets them.
//
// It decides nothing: whether a session is enough is policy's business. It
// refuses what looks like a trick: a cookie of ours that a request carries twice
// with different values counts as absent, because one of the two was planted.
//
// The callers are the pages (web/signinui, web/accountui) and the provider's
// endpoints (oidc). Endpoints that other sites POST to must not call it: a
// SameSite=Lax cookie is not there.
package visit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// userAgentLimit is how many bytes of the User-Agent header are kept.
const userAgentLimit = 400

// tokenLength is the length of every token in a cookie of ours.
const tokenLength = 43

// Visit is what is known of whoever sent a request.
type Visit struct {
	flow.Visitor // digest of the browser, tokens, IP, user agent, language

	SignedIn bool            // a live session of an active account was presented
	Session  session.Session // that session; zero unless SignedIn
	Account  account.Account // its account; zero unless SignedIn
	Address  string          // the account's main address, as written; "" unless SignedIn
	Ended    bool            // a session was presented that counts no longer

	Standing session.Standing // of a session that counts no longer: why; "" when there was none

	due bool // the use of the session is to be noted
}

// Visitor reads and marks visitors. Safe for concurrent use.
type Visitor struct {
	DB       *db.DB
	Sessions session.Sessions
	Accounts account.Accounts
	Doors    Doors
}

// Of is what the request itself tells: nothing is looked up.
func (v *Visitor) Of(r *http.Request) flow.Visitor {
	out := flow.Visitor{
		Session: cookie(r, kit.SessionCookie), Device: cookie(r, kit.DeviceCookie),
		IP: kit.ClientIP(r), UserAgent: r.UserAgent(), Locale: string(kit.Lang(r)),
	}
	if len(out.UserAgent) > userAgentLimit {
		out.UserAgent = out.UserAgent[:userAgentLimit]
	}
	if browser := kit.Browser(r); browser != "" {
		out.Browser = secret.Digest(browser)
	}
	return out
}

// cookie is the token in a cookie of ours; "" when there is none, when it has
// not the shape of a token, or when the request carries two different ones.
func cookie(r *http.Request, name string) string {
	found := ""
	for _, c := range r.CookiesNamed(name) {
		if len(c.Value) != tokenLength || (found != "" && found != c.Value) {
			return ""
		}
		found = c.Value
	}
	return found
}

// Read looks up who is signed in, and notes that the session is in use.
func (v *Visitor) Read(r *http.Request) (Visit, error) {
	out, err := v.Peek(r)
	if err != nil || !out.SignedIn || !out.due {
		return out, err
	}
	return v.touch(r.Context(), out)
}

// Peek is Read without noting the use: for pages that watch a session run out.
func (v *Visitor) Peek(r *http.Request) (Visit, error) {
	out := Visit{Visitor: v.Of(r)}
	if out.Visitor.Session == "" {
		return out, nil
	}
	err := v.DB.Read(r.Context(), func(tx *db.Tx) error {
		found, err := v.ReadIn(tx, r)
		out = found
		return err
	})
	return out, err
}

// ReadIn looks up who is signed in within a transaction; it writes nothing.
func (v *Visitor) ReadIn(tx *db.Tx, r *http.Request) (Visit, error) {
	out := Visit{Visitor: v.Of(r)}
	if out.Visitor.Session == "" {
		return out, nil
	}
	found, err := v.Sessions.Find(tx, out.Visitor.Session)
	if err != nil {
		return Visit{}, fmt.Errorf("visit: %w", err)
	}
	if !found.Live() {
		out.Ended = found.Standing != session.Unknown && found.Reason != session.SignedOut
		out.Standing = found.Standing
		return out, nil
	}
	owner, address, ok, err := v.Accounts.WithMain(tx, found.Account)
	if err != nil {
		return Visit{}, fmt.Errorf("visit: %w", err)
	}
	if !ok || owner.Status != account.Active {
		return out, nil
	}
	out.SignedIn, out.Session, out.Account, out.Address = true, found, owner, address.Address.Written
	out.due = v.Sessions.Due(found, tx.Now())
	return out, nil
}

// touch notes the use of a session: it ends later.
func (v *Visitor) touch(ctx context.Context, out Visit) (Visit, error) {
	var alive bool
	var idleEnds time.Time
	err := v.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		ok, err := v.Sessions.Touch(tx, out.Session.ID)
		alive, idleEnds = ok, tx.Now().Add(v.Sessions.Settings.Idle)
		return err
	})
	if err != nil {
		return Visit{}, fmt.Errorf("visit: %w", err)
	}
	if !alive {
		return Visit{Visitor: out.Visitor, Ended: true, Standing: session.Ended}, nil
	}
	if idleEnds.Before(out.Session.EndsAt) {
		out.Session.IdleEndsAt = idleEnds
	}
	return out, nil
}

// Set gives the browser the cookies that a sign-in made.
func (v *Visitor) Set(w http.ResponseWriter, r *http.Request, c flow.Cookies) {
	if c.Session != "" {
		kit.SetCookie(w, kit.SessionCookie, c.Session, 0)
	}
	if c.Device != "" {
		kit.SetCookie(w, kit.DeviceCookie, c.Device, c.DeviceLasts)
	}
	if c.Door != "" {
		v.CameBy(w, r, c.Service, c.Door)
	}
}

// Hold sets the browser's session aside for a time: nobody is signed in there any more, and
// the session stands beside that of another account which is to be merged.
func (v *Visitor) Hold(w http.ResponseWriter, session string, lasts time.Duration) {
	kit.SetCookie(w, kit.HeldCookie, session, lasts)
	v.ClearSession(w)
}

// Held is the token of the session that was set aside; "" for none.
func (v *Visitor) Held(r *http.Request) string { return cookie(r, kit.HeldCookie) }

// Release takes the cookie of a session that was set aside away.
func (v *Visitor) Release(w http.ResponseWriter) { kit.ClearCookie(w, kit.HeldCookie) }

// ClearSession takes the session's cookie away.
func (v *Visitor) ClearSession(w http.ResponseWriter) { kit.ClearCookie(w, kit.SessionCookie) }

// SignedOut takes away what the next person at this computer is not to find: the
// session's cookie, that of one set aside, and by which doors the last one came in. The
// caller ends the sessions. A session that ended by
// itself leaves the doors, since whoever leaves a shared computer signs out there.
func (v *Visitor) SignedOut(w http.ResponseWriter, r *http.Request) {
	v.ClearSession(w)
	v.Release(w)
	v.ForgetDoors(w, r)
}
