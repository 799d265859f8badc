package kit

import (
	"time"

	"parvis/internal/i18n"
)

// Link is a text that leads somewhere.
type Link struct {
	Text string    // what it says; for Scene.Back: the name of the service
	URL  string    // where it leads
	Lang i18n.Lang // language of the text when it is not the page's
}

// Lintel says whose door a page is.
type Lintel struct {
	Line       string    // the line above, e.g. "You are signing in to"
	Name       string    // the service
	Department string    // whose service it is
	Logo       string    // local path of its logo; "": its initial
	Party      string    // identifier of the service, for the contact form
	Lang       i18n.Lang // language of name and department when it is not the page's
}

// Initial is the first letter of the name, for the tile without a logo.
func (l *Lintel) Initial() string {
	for _, r := range l.Name {
		return string(r)
	}
	return ""
}

// Tab is one part of the account, in the lintel.
type Tab struct {
	Text    string
	URL     string
	Current bool
}

// SessionClock tells the page of a signed-in person when the session ends, so
// that it can warn before.
type SessionClock struct {
	Idle      time.Duration // from now to the end of the session
	Warn      time.Duration // how long before the end the warning comes
	SignOut   string        // path that a POST signs out at; "": "/signout"
	Extend    string        // path that a POST extends the session at; "": "/session/extend"
	Ending    string        // page that asks the same without JavaScript; "": "/session/ending", which leads back here
	Ended     string        // where the browser goes when time has run out; "": "/"
	NoWarning bool          // only the header's "Sign out", no warning
}

// View is what a handler gives to a page.
type View struct {
	Page        string // names the page: <body data-page>, and the file <Page>.html
	File        string // another file than Page, without .html
	Title       string // the h1's words; <title> adds the service and the product
	Description string // for search engines and previews; public pages only

	Lintel      *Lintel       // nil: the scene's, else the deployment's
	Tabs        []Tab         // the account's parts, instead of a lintel
	Back        *Link         // nil: the scene's
	Reference   string        // "": the scene's
	NoReference bool          // the square names no reference
	FormOrigins []string      // nil: the scene's
	Session     *SessionClock // nil: the scene's
	Refresh     time.Duration // reload by itself after so long, without JavaScript too; 0: never
	RefreshTo   string        // where Refresh leads, an address that was checked; "": to this page
	Frames      []string      // addresses of other sites that the page frames: its policy lets in their origins only

	Wide   bool // account width, 52rem
	Public bool // in front of the door: may be found by search engines
	// Addresses are the permanent paths of a public page, one per language: the
	// language link leads there, and search engines are told.
	Addresses map[i18n.Lang]string

	Form *Form // what was typed, and what is wrong
	// Keeps is the id of the form whose fields a change of language keeps: the
	// language switch then sends it (Site.Switched). "": the switch is a link.
	Keeps string
	Data  any // the page's own type
}
