package stepup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// App is the authenticator app that is being set up. The same until it is bound or
// left, so that a page that is opened again shows the code that was scanned.
func (j *Journey) App(ctx context.Context, v flow.Visitor, fid id.Flow) (AppDraft, error) {
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.App) }
	s, err := j.drafted(ctx, find, writeApp(totp.Prepare()))
	if err != nil {
		return AppDraft{}, err
	}
	d, err := readApp(s.flow.State.Progress.Second.Draft)
	if err != nil {
		return AppDraft{}, err
	}
	out := AppDraft{Key: d.Seed.Key(), Issuer: j.Name.In(i18n.Lang(v.Locale))}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		to, err := j.Accounts.Mailbox(tx, s.owner())
		out.Account = to.Written
		return err
	})
	if err != nil {
		return AppDraft{}, fmt.Errorf("stepup: app: %w", err)
	}
	if out.URI, err = d.Seed.URI(out.Issuer, out.Account); err != nil {
		return AppDraft{}, fmt.Errorf("stepup: app: %w", err)
	}
	return out, nil
}

// writeApp is an app that is being set up, for the state of its flow, which is sealed.
func writeApp(d totp.Draft) string { return string(d.ID) + " " + d.Seed.Secret() }

func readApp(draft string) (totp.Draft, error) {
	aid, seed, ok := strings.Cut(draft, " ")
	if !ok {
		return totp.Draft{}, errors.New("stepup: the draft of an app is malformed")
	}
	s, err := totp.ParseSeed(seed)
	return totp.Draft{ID: authenticator.ID(aid), Seed: s}, err
}

// BindApp confirms the app with its first code and makes it one of the account's; it
// is proven with that. Without a name it is called suggested. Fault Invalid on
// "code" or "name", Conflict when no app is being set up.
func (j *Journey) BindApp(ctx context.Context, v flow.Visitor, fid id.Flow, typed, name, suggested string) (Result, error) {
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.App) }
	s, err := j.look(ctx, find)
	if err != nil {
		return Result{}, err
	}
	draft := s.flow.State.Progress.Second.Draft
	if draft == "" {
		return Result{}, flow.OutOfTurn()
	}
	d, err := readApp(draft)
	if err != nil {
		return Result{}, err
	}
	code, err := authenticator.ParseCode(typed, totp.Digits)
	if err != nil {
		return Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	at, ok, err := j.Apps.Confirm(d, code, s.now)
	if err != nil {
		return Result{}, fmt.Errorf("stepup: app: %w", err)
	}
	if !ok {
		drift, _, err := j.Apps.Drift(d, code, s.now)
		return Result{Outcome: Wrong, Drift: drift}, err
	}
	b := binding{method: policy.App, authenticator: d.ID, proves: true, token: secret.NewToken()}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := find(tx)
		if err != nil {
			return err
		}
		if s.flow.State.Progress.Second.Draft != draft {
			return flow.OutOfTurn()
		}
		called := calls(s.list, name, suggested)
		if err := j.Apps.Bind(tx, s.owner(), d, called, at); err != nil {
			return err
		}
		bound := b
		bound.told = notice.MethodAdded{Method: notice.MethodTOTP, Name: called, Asked: notice.AskedBy(v.UserAgent, tx.Now())}
		return j.bound(tx, v, s, bound)
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: app: %w", err)
	}
	return Result{Outcome: Done, Cookies: flow.Cookies{Session: b.token}}, nil
}

// calls is the name of a new method: the one that was typed, else a free one.
func calls(list []authenticator.Authenticator, typed, suggested string) string {
	if strings.TrimSpace(typed) != "" {
		return typed
	}
	return authenticator.FreeName(list, suggested)
}
