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

// Of are the addresses to frame: those of the services that a browser has left within
// backchannel.LeftFor, with iss and sid (3).
func (f Frames) Of(ctx context.Context, browser []byte) ([]string, error) {
	if len(browser) == 0 {
		return nil, nil
	}
	var left []backchannel.Visit
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		left, err = f.Visits.Left(tx, browser)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("frontchannel: %w", err)
	}
	var out []string
	for _, v := range left {
		party, err := f.Registry.Find(ctx, v.RelyingParty)
		if err != nil {
			return nil, fmt.Errorf("frontchannel: %w", err)
		}
		if party == nil || party.Disabled || party.FrontchannelLogoutURI == "" || len(out) == most {
			continue
		}
		out = append(out, protocol.AppendQuery(party.FrontchannelLogoutURI, []protocol.Param{
			{Name: "iss", Value: f.Issuer}, {Name: "sid", Value: protocol.SessionID(string(v.Origin), string(party.ID))},
		}))
	}
	return out, nil
}

// Any reports whether there is something to frame.
func (f Frames) Any(ctx context.Context, browser []byte) (bool, error) {
	out, err := f.Of(ctx, browser)
	return len(out) > 0, err
}
