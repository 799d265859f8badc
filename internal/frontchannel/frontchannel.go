// Package frontchannel tells services by the browser that somebody has signed out in it
// (OpenID Connect Front-Channel Logout 1.0): it says what a page has to frame.
//
// Package backchannel keeps what was visited in a session, and what a browser has just
// left. The page of oidc/logout frames it, before the browser goes on. What ends sessions
// elsewhere than in their browser reaches no frame, and browsers keep cookies from frames of
// other sites: services do better with the back channel.
package frontchannel

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/backchannel"
	"parvis/internal/db"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// most is how many frames one page has at most.
const most = 30

// Frames are what a browser that has just signed out has to load. All fields are needed.
type Frames struct {
	Issuer   string // without a slash at the end
	DB       *db.DB
	Registry *relyingparty.Registry
	Visits   backchannel.Visits
}

// Left is what a page shows to a browser that has just signed out.
type Left struct {
	Frames []string                     // addresses to frame
	Untold []*relyingparty.RelyingParty // services that nobody tells: there are too many, and they have no back channel
}

// Of is what a browser has left within backchannel.LeftFor: it frames the services, with iss
// and sid (3), that were visited last. Those beyond are told by the back channel, as all are
// that have one.
func (f Frames) Of(ctx context.Context, browser []byte) (Left, error) {
	var out Left
	if len(browser) == 0 {
		return out, nil
	}
	var left []backchannel.Visit
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		left, err = f.Visits.Left(tx, browser)
		return err
	})
	if err != nil {
		return Left{}, fmt.Errorf("frontchannel: %w", err)
	}
	for _, v := range left {
		party, err := f.Registry.Find(ctx, v.RelyingParty)
		if err != nil {
			return Left{}, fmt.Errorf("frontchannel: %w", err)
		}
		switch {
		case party == nil || party.Disabled || party.FrontchannelLogoutURI == "":
		case len(out.Frames) < most:
			out.Frames = append(out.Frames, protocol.AppendQuery(party.FrontchannelLogoutURI, []protocol.Param{
				{Name: "iss", Value: f.Issuer}, {Name: "sid", Value: protocol.SessionID(string(v.Origin), string(party.ID))},
			}))
		case party.BackchannelLogoutURI == "" && !slices.Contains(out.Untold, party):
			out.Untold = append(out.Untold, party)
		}
	}
	return out, nil
}

// Any reports whether there is something to frame.
func (f Frames) Any(ctx context.Context, browser []byte) (bool, error) {
	out, err := f.Of(ctx, browser)
	return len(out.Frames) > 0, err
}
