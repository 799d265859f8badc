package logout

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/web/kit"
)

//go:embed pages
var pageFiles embed.FS

// pathServices is the page that frames the services which a browser has just left; with a
// flow it leads to where its request lands.
const pathServices = "/logout/services"

// framesFor bounds how long the page waits for the frames. Its script goes on as soon as all have
// loaded, or then. Without scripts the browser goes on so long after all have loaded; where one
// never does, the person presses the button.
const framesFor = 5 * time.Second

// servicesPage is the data of pages/signing-out.html.
type servicesPage struct {
	Frames []template.URL // registered addresses
	For    int            // that they are waited for, in seconds
	Next   template.URL   // registered, or one of ours
	Untold []untold       // the services that could not be told
}

// untold is a service that could not be told, and where people sign out of it, "" where it did not say.
type untold struct{ Name, URL string }

// land sends the browser to where a request lands: by way of the page that frames the
// services it has left, when there are any.
func (e *Endpoint) land(w http.ResponseWriter, r *http.Request, o order) error {
	to := o.Landing
	if framed, err := e.Frames.Any(r.Context(), e.Visitor.Of(r).Browser); err != nil {
		return fmt.Errorf("logout: %w", err)
	} else if framed {
		switch fid, err := e.begin(r, o, false); {
		case err == nil:
			to = pathServices + "/" + string(fid)
		case !fault.Is(err, fault.Throttled): // who asks too often lands without
			return err
		}
	}
	redirect(w, to)
	return nil
}

// services shows that page (Front-Channel Logout 1.0, 3). It goes on by itself, without
// JavaScript, too; but not before it was read that some services could not be told.
func (e *Endpoint) services(w http.ResponseWriter, r *http.Request) error {
	next := url.Values{"told": {"1"}}
	if partner := r.URL.Query().Get("partner"); partner != "" && len(partner) <= 128 {
		next.Set("partner", partner)
	}
	to, browser := pathSignedOut+"?"+next.Encode(), e.Visitor.Of(r).Browser
	if fid := id.Flow(r.PathValue("flow")); fid != "" {
		o, found, err := e.ordered(r, fid)
		if err != nil {
			return err
		}
		if found && o.Landing != "" {
			to = o.Landing
		}
	}
	left, err := e.Frames.Of(r.Context(), browser)
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	if len(left.Frames) == 0 {
		redirect(w, to)
		return nil
	}
	data := servicesPage{For: int(framesFor / time.Second), Next: template.URL(to)} //nolint:gosec // compared with the registered ones when the request came, or ours
	for _, f := range left.Frames {
		data.Frames = append(data.Frames, template.URL(f)) //nolint:gosec // registered
	}
	for _, p := range left.Untold {
		data.Untold = append(data.Untold, untold{p.Name.In(kit.Lang(r)), cmp.Or(p.StartURL, p.ReturnURL)})
	}
	view := kit.View{
		Page: "signing-out", Title: e.Site.Tr(r).T("signing-out.title"), Data: data, Frames: left.Frames, NoReference: true,
	}
	if len(data.Untold) == 0 { // else the person reads first which they are
		view.Refresh, view.RefreshTo = framesFor, to
	}
	err = e.pages.Render(w, r, http.StatusOK, view)
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	return nil
}

// ordered is the request of a flow of this browser; false when there is none any more.
func (e *Endpoint) ordered(r *http.Request, fid id.Flow) (o order, found bool, err error) {
	var f flow.Flow
	err = e.DB.Read(r.Context(), func(tx *db.Tx) error {
		f, err = e.Flows.Load(tx, fid, e.Visitor.Of(r).Browser)
		return err
	})
	if fault.Is(err, fault.Expired) || fault.Is(err, fault.NotFound) {
		return order{}, false, nil
	}
	if err != nil {
		return order{}, false, fmt.Errorf("logout: %w", err)
	}
	o, err = e.stored(r, f)
	return o, err == nil, err
}
