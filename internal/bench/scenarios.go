package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
)

// scenario is one kind of operation, the floor it is set against, and the goal.
type scenario struct {
	name      string
	workers   int
	operation func(ctx context.Context, worker int) error
	prepare   func(ctx context.Context) error             // before the clock is started; may be nil
	driver    func(ctx context.Context, worker int) error // the signatures that a service makes for one operation; nil: none
	floor     func(ctx context.Context) (Result, error)
	floorName string
	goal      string
}

func (b *bench) scenarios() []scenario {
	var who counter
	signIn := func(ctx context.Context, _ int) error { return b.visitor().signIn(ctx, emailOf(who.next())) }
	cores := runtime.NumCPU()
	codes := make(chan string, 100_000)
	return slices.Concat([]scenario{
		{
			name: "discovery", workers: b.Workers, operation: b.get(b.issuer + "/.well-known/openid-configuration"),
			floor: b.floor(b.Workers, b.get(b.helloURL)), floorName: "hello world", goal: "at least 80 % of hello world",
		},
		{
			name: "sign-in with password", workers: cores * 4, operation: signIn,
			floor: b.floor(cores, b.hashOnce), floorName: "argon2id alone", goal: "CPU: at least 83 % of argon2id alone",
		},
		{
			name: "sign-in with password and app", workers: cores * 4, operation: b.strongSignIn,
			floor: b.floor(cores, b.hashOnce), floorName: "argon2id alone", goal: "CPU: at least 70 % of argon2id alone",
		},
		{
			name: "step-up with app, live session", workers: b.Workers, operation: b.stepUp,
			floor: b.floor(b.Workers, b.parts(jose.ES256, 6, 5, 1)), floorName: "6 hellos, 5 commits, 1 signature", goal: "at least 33 %",
		},
		{
			name: "code flow, live session, RS256", workers: b.Workers, operation: b.codeFlow("RS256"),
			floor: b.floor(b.Workers, b.parts(jose.RS256, 3, 2, 1)), floorName: "3 hellos, 2 commits, 1 signature", goal: "at least 33 % (a product costs 2 to 3 times its floor)",
		},
		{
			name: "code flow, live session, ES256", workers: b.Workers, operation: b.codeFlow("ES256"),
			floor: b.floor(b.Workers, b.parts(jose.ES256, 3, 2, 1)), floorName: "3 hellos, 2 commits, 1 signature", goal: "SQLite: 700/s; PostgreSQL: 12 times Hydra's 37/s",
		},
		{
			name: "token exchange, ES256", workers: b.Workers, prepare: b.fill("ES256", codes), operation: b.exchange("ES256", codes),
			floor: b.floor(b.Workers, b.parts(jose.ES256, 1, 1, 1)), floorName: "1 hello, 1 commit, 1 signature", goal: "at least 33 %",
		},
	}, b.providerScenarios())
}

func (b *bench) floor(workers int, operation func(context.Context, int) error) func(context.Context) (Result, error) {
	return func(ctx context.Context) (Result, error) { return b.run(ctx, workers, operation) }
}

func (b *bench) get(address string) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		a, err := b.client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = a.Body.Close() }() // read to the end
		if _, err := io.Copy(io.Discard, a.Body); err != nil {
			return err
		}
		if a.StatusCode != http.StatusOK {
			return fmt.Errorf("%s was answered %d", r.URL.Path, a.StatusCode)
		}
		return nil
	}
}

// answer sends a request and reads its answer, which must have a status.
func (b *bench) answer(r *http.Request, want int) ([]byte, error) {
	a, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Body.Close() }() // read to the end
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	b.meter.sees(raw)
	if a.StatusCode != want {
		return nil, fmt.Errorf("%s was answered %d: %.300s", r.URL.Path, a.StatusCode, raw)
	}
	return raw, nil
}

// hashOnce is what one password costs with the parameters of the service.
func (b *bench) hashOnce(context.Context, int) error {
	p := b.house.Config.Password
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand ends the process instead
	argon2.IDKey([]byte(benchPassword), salt[:], p.Passes, p.Memory, p.Lanes, 32)
	return nil
}

// parts is the unavoidable work of an operation, and nothing else.
func (b *bench) parts(alg jose.Algorithm, hellos, commits, signatures int) func(context.Context, int) error {
	hello := b.get(b.helloURL)
	var once sync.Once
	var signer *jose.Signer
	return func(ctx context.Context, worker int) error {
		var failed error
		once.Do(func() { signer, failed = b.house.Keyring.Signer(alg) })
		if failed != nil {
			return failed
		}
		for range hellos {
			if err := hello(ctx, worker); err != nil {
				return err
			}
		}
		for range commits {
			if err := b.commit(ctx); err != nil {
				return err
			}
		}
		for range signatures {
			if _, err := signer.Sign("JWT", map[string]any{"iss": b.issuer, "sub": "somebody", "aud": "a-service", "nonce": "n", "iat": 1, "exp": 2}); err != nil {
				return err
			}
		}
		return nil
	}
}

// commit is a commit with one inserted row: the count of a first wrong password.
func (b *bench) commit(ctx context.Context) error {
	addr, err := account.ParseAddress(rand.Text() + "@bench.example")
	if err != nil {
		return err
	}
	key := b.house.Attempts.Key(addr, nil)
	return b.house.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := b.house.Attempts.Count(tx, key)
		return err
	})
}

func (b *bench) authorizeURL(alg string) string {
	scope, challenge := "openid email", ""
	switch alg {
	case away:
		scope += " " + claim.ScopeOffline
	case bound:
		challenge = "&" + url.Values{"code_challenge": {grant.Challenge(proofKeyVerifier)}, "code_challenge_method": {"S256"}}.Encode()
	}
	return b.issuer + "/authorize?" + url.Values{
		"client_id": {clientOf(alg)}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {scope},
		"state": {"state-of-the-bench"}, "nonce": {"nonce-of-the-bench"},
	}.Encode() + challenge
}

// code asks for a code with the worker's live session.
func (b *bench) code(ctx context.Context, alg string, worker int) (string, error) {
	return b.codeAt(ctx, worker, b.authorizeURL(alg))
}

func (b *bench) codeAt(ctx context.Context, worker int, address string) (string, error) {
	status, location, body, err := b.visitors[worker].send(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(location)
	if err != nil {
		return "", err
	}
	code := u.Query().Get("code")
	if status != http.StatusSeeOther || code == "" {
		return "", fmt.Errorf("authorize was answered %d %s %.200s", status, location, body)
	}
	return code, nil
}

// redeem redeems a code and gives the access token.
func (b *bench) redeem(ctx context.Context, alg, code string) (string, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientOf(alg), clientSecret)
	raw, err := b.answer(r, http.StatusOK)
	if err != nil {
		return "", err
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	if err := json.Unmarshal(raw, &tokens); err != nil {
		return "", err
	}
	if tokens.AccessToken == "" || tokens.IDToken == "" {
		return "", fmt.Errorf("no tokens in %.200s", raw)
	}
	return tokens.AccessToken, nil
}

// codeFlow is authorize, token and userinfo.
func (b *bench) codeFlow(alg string) func(context.Context, int) error {
	return func(ctx context.Context, worker int) error {
		code, err := b.code(ctx, alg, worker)
		if err != nil {
			return err
		}
		token, err := b.redeem(ctx, alg, code)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.issuer+"/userinfo", nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		_, err = b.answer(r, http.StatusOK)
		return err
	}
}

// exchange redeems codes that prepare made before the clock was started.
func (b *bench) exchange(alg string, codes chan string) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		select {
		case code := <-codes:
			_, err := b.redeem(ctx, alg, code)
			return err
		default:
			return errUsedUp
		}
	}
}

// fill makes codes for as long as a measurement takes.
func (b *bench) fill(alg string, codes chan string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := b.run(ctx, b.Workers, func(ctx context.Context, worker int) error {
			code, err := b.code(ctx, alg, worker)
			if err != nil {
				return err
			}
			select {
			case codes <- code:
				return nil
			default:
				return errUsedUp
			}
		})
		return err
	}
}
