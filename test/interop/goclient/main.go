// Command goclient is a relying party on coreos/go-oidc and x/oauth2 for the
// interoperability run. It prints one JSON object in each line: where to send the
// browser, whose redirect it reads; what to type for a device; and at the end the
// claims. Between them it redeems the code with PKCE, verifies ID tokens, refreshes,
// and is refused what must be refused.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: goclient ISSUER CLIENT_ID SECRET REDIRECT_URI CLIENT_ID_OF_THE_DEVICE")
		os.Exit(2)
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "goclient:", err)
		os.Exit(1) //nolint:gocritic // the process ends, and the timer with it
	}
}

// service is the relying party.
type service struct {
	provider *oidc.Provider
	oauth    oauth2.Config
}

// say prints one line for whoever plays the people.
func say(line map[string]any) error { return json.NewEncoder(os.Stdout).Encode(line) }

func run(ctx context.Context, issuer, clientID, secret, redirect, deviceID string) error {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	s := service{provider: provider, oauth: oauth2.Config{
		ClientID: clientID, ClientSecret: secret, RedirectURL: redirect,
		Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess},
	}}
	token, id, err := s.signIn(ctx)
	if err != nil {
		return err
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	if info.Subject != id.Subject {
		return fmt.Errorf("userinfo is about %q, the ID token about %q", info.Subject, id.Subject)
	}
	if err := s.refresh(ctx, token, id); err != nil {
		return err
	}
	// x/oauth2 sends no secret to the device authorization endpoint, so devices are public clients.
	box := service{provider: provider, oauth: s.oauth}
	box.oauth.ClientID, box.oauth.ClientSecret = deviceID, ""
	if err := box.device(ctx, info.Email); err != nil {
		return err
	}
	return say(map[string]any{"claims": map[string]any{"sub": id.Subject, "email": info.Email}})
}

// signIn sends the browser, redeems the code and verifies what came.
func (s service) signIn(ctx context.Context) (*oauth2.Token, *oidc.IDToken, error) {
	state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	err := say(map[string]any{"open": s.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))})
	if err != nil {
		return nil, nil, err
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return nil, nil, err
	}
	back, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		return nil, nil, err
	}
	if got := back.Query().Get("state"); got != state {
		return nil, nil, fmt.Errorf("state is %q", got)
	}
	code := back.Query().Get("code")
	token, err := s.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	id, err := s.verified(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	if id.Nonce != nonce {
		return nil, nil, fmt.Errorf("nonce is %q", id.Nonce)
	}
	raw, _ := token.Extra("id_token").(string)
	if _, err := s.provider.Verifier(&oidc.Config{ClientID: "another-service"}).Verify(ctx, raw); err == nil {
		return nil, nil, errors.New("the ID token is good for another service, too")
	}
	return token, id, nil
}

// verified verifies the ID token of a token answer, and the access token against it.
func (s service) verified(ctx context.Context, token *oauth2.Token) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := s.provider.Verifier(&oidc.Config{ClientID: s.oauth.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	return id, id.VerifyAccessToken(token.AccessToken)
}

// refresh lets the library renew a token that has expired, ends it, and must then be refused.
func (s service) refresh(ctx context.Context, token *oauth2.Token, first *oidc.IDToken) error {
	old := *token
	old.Expiry = time.Unix(1, 0) // long ago
	renewed, err := s.oauth.TokenSource(ctx, &old).Token()
	if err != nil {
		return err
	}
	id, err := s.verified(ctx, renewed)
	if err != nil {
		return err
	}
	if id.Subject != first.Subject || id.Nonce != "" || renewed.AccessToken == token.AccessToken {
		return fmt.Errorf("after the refresh: sub %q, nonce %q, same access token %t", id.Subject, id.Nonce, renewed.AccessToken == token.AccessToken)
	}
	if err := s.revoke(ctx, renewed.RefreshToken); err != nil {
		return err
	}
	_, err = s.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: renewed.RefreshToken}).Token()
	return refused(err, "invalid_grant")
}

// revoke ends a token (RFC 7009), for which x/oauth2 has nothing.
func (s service) revoke(ctx context.Context, token string) error {
	var told struct {
		Revocation string `json:"revocation_endpoint"`
	}
	if err := s.provider.Claims(&told); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, told.Revocation, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(s.oauth.ClientID), url.QueryEscape(s.oauth.ClientSecret))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the revocation endpoint answers %s", answer.Status)
	}
	return nil
}

// device has a device allowed, and one refused (RFC 8628).
func (s service) device(ctx context.Context, email string) error {
	for _, choice := range []string{"allow", "deny"} {
		asked, err := s.oauth.DeviceAuth(ctx)
		if err != nil {
			return err
		}
		if err := say(map[string]any{"device": asked.VerificationURIComplete, "code": asked.UserCode, "choice": choice}); err != nil {
			return err
		}
		token, err := s.oauth.DeviceAccessToken(ctx, asked)
		if choice == "deny" {
			return refused(err, "access_denied")
		}
		if err != nil {
			return err
		}
		if _, err := s.verified(ctx, token); err != nil {
			return err
		}
		info, err := s.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return err
		}
		if info.Email != email {
			return fmt.Errorf("the device is told %q, the browser %q", info.Email, email)
		}
	}
	return nil
}

// refused says what is wrong unless a request was refused with an error code.
func refused(err error, code string) error {
	var told *oauth2.RetrieveError
	if !errors.As(err, &told) || told.ErrorCode != code {
		return fmt.Errorf("%v, want %s", err, code) //nolint:errorlint // nil is one of the answers
	}
	return nil
}
