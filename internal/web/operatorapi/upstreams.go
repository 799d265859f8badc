package operatorapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/upstream"
)

// list answers with every partner, in the order in which people see them.
func (a *API) list(q *request) error {
	all, err := a.Registry.List(q.ctx)
	if err != nil {
		return err
	}
	stored := map[upstream.ID]upstream.Settings{}
	err = a.DB.Read(q.ctx, func(tx *db.Tx) error {
		clear(stored)
		list, err := a.Store.All(tx)
		for _, s := range list {
			stored[upstream.ID(s.ID)] = s
		}
		return err
	})
	if err != nil {
		return err
	}
	out := []shown{}
	for _, p := range all {
		if s, ok := a.inFile(p.ID); ok {
			out = append(out, a.shown(s, "configuration"))
			continue
		}
		if s, ok := stored[p.ID]; ok {
			out = append(out, a.shown(s, "database"))
		}
	}
	return q.answer(http.StatusOK, map[string]any{"upstreams": out})
}

// inFile is a partner of the configuration.
func (a *API) inFile(id upstream.ID) (upstream.Settings, bool) {
	i := slices.IndexFunc(a.File, func(s upstream.Settings) bool { return s.ID == string(id) })
	if i < 0 {
		return upstream.Settings{}, false
	}
	return a.File[i], true
}

// find reads a partner and where it stands.
func (a *API) find(ctx context.Context, id upstream.ID) (upstream.Settings, string, error) {
	if s, ok := a.inFile(id); ok {
		return s, "configuration", nil
	}
	var out upstream.Settings
	err := a.DB.Read(ctx, func(tx *db.Tx) error {
		var err error
		out, err = a.Store.Settings(tx, id)
		return err
	})
	return out, "database", err
}

// show answers with one partner.
func (a *API) show(q *request) error { return a.showAs(q, http.StatusOK) }

func (a *API) showAs(q *request, status int) error {
	s, source, err := a.find(q.ctx, q.id())
	if err != nil {
		return err
	}
	mark, err := a.tag(s)
	if err != nil {
		return err
	}
	q.w.Header().Set("ETag", mark)
	return q.answer(status, a.shown(s, source))
}

// create adds a partner.
func (a *API) create(q *request) error {
	s, err := a.sent(q, upstream.Credentials{})
	if err != nil {
		return err
	}
	if err := a.change(q, "upstream.add", func(tx *db.Tx) error { return a.Store.Create(tx, s) }); err != nil {
		return err
	}
	q.w.Header().Set("Location", "/api/v1/upstreams/"+s.ID)
	q.r.SetPathValue("id", s.ID)
	return a.showAs(q, http.StatusCreated)
}

// sent is the partner of a body; all that is wrong with it is named at once. kept are the
// credentials that it has when the body gives none.
func (a *API) sent(q *request, kept upstream.Credentials) (upstream.Settings, error) {
	var body written
	if err := q.read(&body); err != nil {
		return upstream.Settings{}, err
	}
	s, problems := body.upstream(a.Langs)
	if s.ID == "" {
		s.ID = string(q.id()) // of the address, where it names one
	}
	whole := s
	if s.Credentials() == (upstream.Credentials{}) {
		whole.Take(kept)
	}
	if problems = append(problems, whole.Problems()...); len(problems) > 0 {
		return s, &problem{status: http.StatusUnprocessableEntity, title: "The settings of the sign-in partner have problems.", problems: problems}
	}
	return s, nil
}

// kept are the credentials of a partner that is stored; none for another one: the change
// says then why it cannot be.
func (a *API) kept(q *request) (out upstream.Credentials, err error) {
	err = a.DB.Read(q.ctx, func(tx *db.Tx) error {
		before, err := a.Store.Settings(tx, q.id())
		out = before.Credentials()
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return upstream.Credentials{}, nil
	}
	return out, err
}

// replace replaces the settings of a partner. Credentials stay when none are sent.
// With If-Match it is done only if nobody changed it meanwhile (RFC 9110, 13.1.1).
func (a *API) replace(q *request) error {
	kept, err := a.kept(q)
	if err != nil {
		return err
	}
	s, err := a.sent(q, kept)
	if err != nil {
		return err
	}
	if s.ID != string(q.id()) {
		return &problem{status: http.StatusUnprocessableEntity, title: "The address and the settings name two partners.", problems: []string{"settings.id: leave it out, or write " + string(q.id())}}
	}
	wanted := q.r.Header.Get("If-Match")
	err = a.change(q, "upstream.replace", func(tx *db.Tx) error {
		if wanted != "" && wanted != "*" {
			before, err := a.Store.Settings(tx, q.id())
			if err != nil {
				return err
			}
			mark, err := a.tag(before)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(strings.Split(wanted, ","), func(t string) bool { return strings.TrimSpace(t) == mark }) {
				return &problem{status: http.StatusPreconditionFailed, title: "The partner was changed meanwhile.", detail: "Read it again; its ETag is another one."}
			}
		}
		return a.Store.Update(tx, s)
	})
	if err != nil {
		return err
	}
	return a.show(q)
}

// disable lets nobody sign in with a partner.
func (a *API) disable(q *request) error {
	err := a.change(q, "upstream.disable", func(tx *db.Tx) error { return a.Store.Disable(tx, q.id()) })
	if err != nil {
		return err
	}
	return a.show(q)
}

// enable takes disable back.
func (a *API) enable(q *request) error {
	err := a.change(q, "upstream.enable", func(tx *db.Tx) error { return a.Store.Enable(tx, q.id()) })
	if err != nil {
		return err
	}
	return a.show(q)
}

// change runs a change and records, in its transaction, by which key. This node knows
// of it before the answer goes out.
func (a *API) change(q *request, what string, do func(*db.Tx) error) error {
	if err := a.recorded(q, what, do); err != nil {
		return err
	}
	return a.Registry.Refresh(q.ctx)
}

// recorded runs a change of which no node keeps anything, and records it in the same way.
func (a *API) recorded(q *request, what string, do func(*db.Tx) error) error {
	err := a.DB.Write(q.ctx, func(tx *db.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return a.Audit.Record(tx, audit.Event{
			Name: audit.OperatorRequest, Outcome: audit.Success, Reason: what, Data: map[string]string{"operator": q.key.Name},
		})
	})
	if err != nil {
		return err
	}
	a.Log.InfoContext(q.ctx, "operators' API: done", "what", what, "key", q.key.Name)
	return nil
}

// check examines a partner that is there.
func (a *API) check(q *request) error {
	p, err := a.Registry.Get(q.ctx, q.id())
	if err != nil {
		return err
	}
	return a.examine(q, p)
}

// checkNew examines settings that are not stored. Nothing is kept of them.
func (a *API) checkNew(q *request) error {
	s, err := a.sent(q, upstream.Credentials{})
	if err != nil {
		return err
	}
	p, _ := s.Build() // what is wrong was named before
	return a.examine(q, p)
}

func (a *API) examine(q *request, p *upstream.Provider) error {
	consumer := a.Registry.Consumers[p.Protocol]
	if consumer == nil {
		return fault.New(fault.Unavailable, "error.upstream.unknown")
	}
	findings := consumer.Examine(q.ctx, p)
	if findings == nil {
		findings = []upstream.Finding{}
	}
	ok := !slices.ContainsFunc(findings, func(f upstream.Finding) bool { return f.Wrong })
	return q.answer(http.StatusOK, map[string]any{"ok": ok, "findings": findings})
}
