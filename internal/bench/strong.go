package bench

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/session"
)

// strongClient is the service that demands two factors.
const strongClient = "bench-AAL2"

// strongAccounts is how many people have an authenticator app. Each can sign in once
// in half a minute, since a code is good once: every operation takes the next one,
// and a measurement ends when all have had their turn.
const strongAccounts = 1500

// strongPerson is one of them, with a session of a password alone.
type strongPerson struct {
	email   string
	session string
}

// strongPeople makes accounts with an app, a session, and the agreement to share.
func (b *bench) strongPeople(ctx context.Context) error {
	h := b.house
	verifier, err := h.Hasher.Hash(ctx, benchPassword)
	if err != nil {
		return err
	}
	seed, err := totp.ParseSeed(strongSeed)
	if err != nil {
		return err
	}
	for i := range strongAccounts {
		email := fmt.Sprintf("strong%d@bench.example", i)
		addr, err := account.ParseAddress(email)
		if err != nil {
			return err
		}
		draft, bound, app := account.NewDraft(addr, "en"), authenticator.NewID(), authenticator.NewID()
		var token string
		err = h.DB.Write(ctx, func(tx *db.Tx) error {
			a, _, err := h.Accounts.CreatePending(tx, draft)
			if err != nil {
				return err
			}
			if _, err := h.Accounts.MarkProven(tx, a.ID, addr); err != nil {
				return err
			}
			if err := h.Passwords.Set(tx, a.ID, bound, verifier); err != nil {
				return err
			}
			if _, err := h.Accounts.Activate(tx, a.ID); err != nil {
				return err
			}
			if err := h.Apps.Bind(tx, a.ID, totp.Draft{ID: app, Seed: seed}, "App", 0); err != nil {
				return err
			}
			n := session.Prepare(a.ID, policy.Facts{}.With(policy.Password, tx.Now(), ""))
			token = n.Token
			if _, err := h.Sessions.Start(tx, n); err != nil {
				return err
			}
			return h.Connections.Give(tx, connection.Asked{Account: a.ID, RelyingParty: id.RelyingParty(strongClient)})
		})
		if err != nil {
			return err
		}
		b.strong = append(b.strong, strongPerson{email, token})
	}
	return nil
}

// strongSeed is the key of every app of the bench.
const strongSeed = "BENCHBENCHBENCHBENCHBENCHBENCHBE"

// next is the next person who has not had their turn.
func (b *bench) next() (strongPerson, error) {
	i := b.used.next()
	if i >= len(b.strong) {
		return strongPerson{}, errUsedUp
	}
	return b.strong[i], nil
}

func (b *bench) strongURL() string {
	return b.issuer + "/authorize?" + url.Values{
		"client_id": {strongClient}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"state-of-the-bench"}, "nonce": {"nonce-of-the-bench"},
	}.Encode()
}

// strongSignIn is a sign-in with password and app, from the service's request to its code.
func (b *bench) strongSignIn(ctx context.Context, _ int) error {
	p, err := b.next()
	if err != nil {
		return err
	}
	v := b.visitor()
	s, err := v.follow(ctx, b.strongURL())
	if err != nil {
		return err
	}
	if s, err = v.post(ctx, s, "sign-in", url.Values{"email": {p.email}, "password": {benchPassword}}); err != nil {
		return err
	}
	return v.second(ctx, s)
}

// stepUp is the second step of somebody who signed in with a password before.
func (b *bench) stepUp(ctx context.Context, _ int) error {
	p, err := b.next()
	if err != nil {
		return err
	}
	v := b.visitor()
	v.cookies["__Host-parvis_session"] = p.session
	s, err := v.follow(ctx, b.strongURL())
	if err != nil {
		return err
	}
	return v.second(ctx, s)
}

// second types the app's code and goes on to the service.
func (v *visitor) second(ctx context.Context, s step) error {
	if s.page != "second-step" {
		return fmt.Errorf("expected second-step, found %q at %s", s.page, s.at)
	}
	seed, err := totp.ParseSeed(strongSeed)
	if err != nil {
		return err
	}
	code, err := seed.Code(v.bench.Now())
	if err != nil {
		return err
	}
	if s, err = v.post(ctx, s, "second-step", url.Values{"code": {code}}); err != nil {
		return err
	}
	if !strings.Contains(s.left, "code=") {
		return fmt.Errorf("no code after the second step: %q %s", s.page, s.left)
	}
	return nil
}
