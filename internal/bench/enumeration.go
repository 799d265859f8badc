package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// question is one form that must not tell by its time whether an address has an account.
type question struct {
	name string
	page string                                                                        // ?start= of the journey; "" with open
	form string                                                                        // id of the form
	open func(ctx context.Context, b *bench, turn int) (v *visitor, s step, err error) // in place of page
	fill func(address string) url.Values
}

func questions() []question {
	address := func(a string) url.Values { return url.Values{"email": {a}} }
	return []question{
		{name: "sign-in, wrong password", page: "sign-in", form: "sign-in", fill: func(a string) url.Values {
			return url.Values{"email": {a}, "password": {"not the bench of this person"}}
		}},
		{name: "create account", page: "create-account", form: "create-account", fill: func(a string) url.Values {
			return url.Values{"email": {a}, "terms": {"yes"}}
		}},
		{name: "forgot password", page: "forgot-password", form: "forgot-password", fill: address},
		{name: "unlock", page: "unlock", form: "unlock", fill: address},
		{name: "second address", open: addingAddress, form: "add-email", fill: address},
	}
}

// addingAddress opens the page on which somebody who is signed in adds an address.
func addingAddress(ctx context.Context, b *bench, turn int) (*visitor, step, error) {
	addr, err := account.ParseAddress(emailOf(turn))
	if err != nil {
		return nil, step{}, err
	}
	v := b.visitor()
	err = b.house.DB.Write(ctx, func(tx *db.Tx) error {
		a, _, err := b.house.Accounts.ByAddress(tx, addr)
		if err != nil {
			return err
		}
		facts := policy.Facts{}.With(policy.Password, tx.Now(), "").With(policy.Email, tx.Now(), "")
		n := session.Prepare(a.ID, facts)
		v.cookies["__Host-parvis_session"] = n.Token
		_, err = b.house.Sessions.Start(tx, n)
		return err
	})
	if err != nil {
		return nil, step{}, err
	}
	s, err := v.follow(ctx, b.issuer+"/settings/emails/add")
	return v, s, err
}

// enumeration compares, for each form, the times of answers about addresses that have
// an account and addresses that have none.
func enumeration(ctx context.Context, b *bench, engine string, report *report) error {
	for _, q := range questions() {
		e, err := b.compare(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		report.effect(engine, q.name, e)
	}
	return nil
}

// compare asks about known and unknown addresses in turns, in an order that chance
// decides, one at a time: what the machine does besides meets both alike. Each address
// is asked about once for each form. The time is that of the answer to the form.
func (b *bench) compare(ctx context.Context, q question) (Effect, error) {
	const warm = 10
	var times [2][]time.Duration
	for turn := range b.Pairs + warm {
		order := []int{0, 1}
		if rand.IntN(2) == 0 { //nolint:gosec // no secret: it mixes samples
			slices.Reverse(order)
		}
		for _, unknown := range order {
			about := b.strong[turn%len(b.strong)].email
			if unknown == 1 {
				about = secret.NewToken()[:12] + "@bench.example"
			}
			took, err := b.ask(ctx, q, about, turn)
			if err != nil {
				return Effect{}, err
			}
			if turn >= warm {
				times[unknown] = append(times[unknown], took)
			}
		}
	}
	return effectOf(times[0], times[1]), nil
}

// ask sends one form in a fresh browser and takes the time of its answer.
func (b *bench) ask(ctx context.Context, q question, about string, turn int) (time.Duration, error) {
	var v *visitor
	var s step
	var err error
	if q.open != nil {
		v, s, err = q.open(ctx, b, turn)
	} else {
		v = b.visitor()
		s, err = v.follow(ctx, b.issuer+"/signin?start="+q.page)
	}
	if err != nil {
		return 0, err
	}
	form := s.form(q.form, q.fill(about))
	if form.Get("form_token") == "" {
		return 0, fmt.Errorf("no form %s on page %q at %s", q.form, s.page, s.at)
	}
	began := b.Now()
	status, _, body, err := v.send(ctx, http.MethodPost, s.at, form)
	took := b.Now().Sub(began)
	switch {
	case err != nil:
		return 0, err
	case status == http.StatusSeeOther, status == http.StatusUnprocessableEntity && q.form == "sign-in":
		return took, nil
	}
	return 0, errors.New("answered " + http.StatusText(status) + ": " + body[:min(len(body), 200)])
}

// effectHead explains the table of effects.
func (r *report) effectHead(o Options) {
	if r.json {
		return
	}
	r.say(fmt.Sprintf("\nKnown and unknown addresses, %d answers each, one at a time, in an order that chance decides.", o.Pairs))
	r.say("Difference: of the medians, known less unknown. Cliff's delta: 0 when times do not tell, ±1 when they always do.")
	r.say("In brackets: 95 % confidence intervals. Guess: how often one time lets somebody guess right, at best.\n")
	r.say(fmt.Sprintf("%-11s %-24s %9s %9s  %-26s %-26s %s", "engine", "form", "known", "unknown", "difference", "Cliff's delta", "guess"))
}

// effect writes one comparison.
func (r *report) effect(engine, name string, e Effect) {
	if r.json {
		line, err := json.Marshal(map[string]any{
			"engine": engine, "form": name, "pairs": e.Pairs, "known_ms": ms(e.Known), "unknown_ms": ms(e.Unknown),
			"difference_ms": e.Median, "cliffs_delta": e.Delta, "guess": e.Guess(),
		})
		if err == nil {
			r.say(string(line))
		}
		return
	}
	r.say(fmt.Sprintf("%-11s %-24s %7.2fms %7.2fms  %-26s %-26s %.0f %%", engine, name, ms(e.Known), ms(e.Unknown),
		fmt.Sprintf("%+.2f ms [%+.2f, %+.2f]", e.Median.Estimate, e.Median.Low, e.Median.High),
		fmt.Sprintf("%+.3f [%+.3f, %+.3f]", e.Delta.Estimate, e.Delta.Low, e.Delta.High), e.Guess()*100))
}
