package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/db"
)

// accounts is how many people there are to sign in.
const accounts = 64

// visitor is one browser: its cookies and where it is.
type visitor struct {
	bench   *bench
	cookies map[string]string
}

func (b *bench) visitor() *visitor { return &visitor{bench: b, cookies: map[string]string{}} }

func emailOf(i int) string { return fmt.Sprintf("person%d@bench.example", i%accounts) }

// people makes the accounts, and one signed-in browser for each worker that
// has agreed to share with the partners.
func (b *bench) people(ctx context.Context) error {
	h := b.house
	verifier, err := h.Hasher.Hash(ctx, benchPassword)
	if err != nil {
		return err
	}
	for i := range accounts {
		addr, err := account.ParseAddress(emailOf(i))
		if err != nil {
			return err
		}
		draft, bound := account.NewDraft(addr, "en"), authenticator.NewID()
		err = h.DB.Write(ctx, func(tx *db.Tx) error {
			a, created, err := h.Accounts.CreatePending(tx, draft)
			if err != nil || !created {
				return err
			}
			if _, err := h.Accounts.MarkProven(tx, a.ID, addr); err != nil {
				return err
			}
			if err := h.Passwords.Set(tx, a.ID, bound, verifier); err != nil {
				return err
			}
			_, err = h.Accounts.Activate(tx, a.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	for worker := range max(b.Workers, 64) {
		v := b.visitor()
		if worker < b.Workers {
			if err := v.settle(ctx, emailOf(worker)); err != nil {
				return fmt.Errorf("sign in for worker %d: %w", worker, err)
			}
		}
		b.visitors = append(b.visitors, v)
	}
	return nil
}

// settle signs in and agrees, once, to share with the partners.
func (v *visitor) settle(ctx context.Context, email string) error {
	if err := v.signIn(ctx, email); err != nil {
		return err
	}
	for _, alg := range []string{"RS256", "ES256", bound, away} {
		step, err := v.follow(ctx, v.bench.authorizeURL(alg))
		if err != nil {
			return err
		}
		if step.left != "" {
			continue
		}
		if step.page != "consent" {
			return fmt.Errorf("expected consent, found %q at %s", step.page, step.at)
		}
		if step, err = v.post(ctx, step, "consent", url.Values{"choice": {"allow"}, "decision": {"allow"}, "allow": {"allow"}}); err != nil {
			return err
		}
		if !strings.Contains(step.left, "code=") {
			return fmt.Errorf("no code after the consent: %s %s", step.at, step.left)
		}
	}
	return nil
}

// signIn opens the sign-in page and sends the password.
func (v *visitor) signIn(ctx context.Context, email string) error {
	step, err := v.follow(ctx, v.bench.issuer+"/signin")
	if err != nil {
		return err
	}
	if step.page != "sign-in" {
		return fmt.Errorf("expected sign-in, found %q at %s", step.page, step.at)
	}
	status, location, _, err := v.send(ctx, http.MethodPost, step.at, step.form("sign-in", url.Values{"email": {email}, "password": {benchPassword}}))
	if err != nil {
		return err
	}
	if status != http.StatusSeeOther || v.cookies["__Host-parvis_session"] == "" {
		return fmt.Errorf("the sign-in was answered %d %s", status, location)
	}
	return nil
}

// step is where a browser stands.
type step struct {
	at   string
	page string
	html string
	left string // address outside the service
}

var (
	dataPage  = regexp.MustCompile(`data-page="([^"]+)"`)
	formToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)
)

// form is the values of a form with the page's token for it.
func (s step) form(id string, values url.Values) url.Values {
	if _, rest, ok := strings.Cut(s.html, `id="`+id+`"`); ok {
		if m := formToken.FindStringSubmatch(rest); m != nil {
			values.Set("form_token", m[1])
		}
	}
	return values
}

// follow gets an address and follows redirects inside the service.
func (v *visitor) follow(ctx context.Context, address string) (step, error) {
	for range 10 {
		status, location, body, err := v.send(ctx, http.MethodGet, address, nil)
		if err != nil {
			return step{}, err
		}
		if status == http.StatusSeeOther || status == http.StatusFound {
			if address, err = resolve(address, location); err != nil {
				return step{}, err
			}
			if !strings.HasPrefix(address, v.bench.issuer) {
				return step{left: address}, nil
			}
			continue
		}
		s := step{at: address, html: body}
		if m := dataPage.FindStringSubmatch(body); m != nil {
			s.page = m[1]
		}
		return s, nil
	}
	return step{}, fmt.Errorf("too many redirects at %s", address)
}

func (v *visitor) post(ctx context.Context, s step, form string, values url.Values) (step, error) {
	status, location, body, err := v.send(ctx, http.MethodPost, s.at, s.form(form, values))
	if err != nil {
		return step{}, err
	}
	if status != http.StatusSeeOther {
		return step{}, fmt.Errorf("form %s was answered %d: %.200s", form, status, body)
	}
	next, err := resolve(s.at, location)
	if err != nil {
		return step{}, err
	}
	if !strings.HasPrefix(next, v.bench.issuer) {
		return step{left: next}, nil
	}
	return v.follow(ctx, next)
}

func resolve(base, location string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(location)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// send does one request with the browser's cookies.
func (v *visitor) send(ctx context.Context, method, address string, form url.Values) (status int, location, body string, err error) {
	var content io.Reader
	if form != nil {
		content = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, "", "", err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value}) //nolint:gosec // sent by a client; attributes are the server's
	}
	answer, err := v.bench.client.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer func() { _ = answer.Body.Close() }() // read to the end
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", "", err
	}
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
			continue
		}
		v.cookies[c.Name] = c.Value
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(raw), nil
}

// counter hands out numbers to workers.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int { return int(c.n.Add(1)) }
