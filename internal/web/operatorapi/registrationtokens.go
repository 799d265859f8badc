package operatorapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/oidc/claim"
	"parvis/internal/registrar"
)

// The bounds of a page of initial access tokens.
const (
	usualPage = 50
	mostPage  = 200
)

// defaultLife is how long an initial access token is good when nothing is said.
const defaultLife = 30 * 24 * time.Hour

// registrationToken is an initial access token (RFC 7591, 1.2) as it is answered.
type registrationToken struct {
	Name      string          `json:"name"`
	Terms     registrar.Terms `json:"terms"`
	Uses      int64           `json:"uses"`
	MostUses  int64           `json:"most_uses"`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	UsedAt    *time.Time      `json:"used_at,omitempty"`
	RevokedAt *time.Time      `json:"revoked_at,omitempty"`
	State     string          `json:"state"`           // good, used up, expired or revoked
	Token     string          `json:"token,omitempty"` // when it was made just now, and never again
}

func registrationTokenOf(t registrar.Token, now time.Time) registrationToken {
	return registrationToken{
		Name: t.Name, Terms: t.Terms, Uses: t.Uses, MostUses: t.MostUses, CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), State: t.State(now),
		UsedAt: known(t.UsedAt), RevokedAt: known(t.RevokedAt),
	}
}

// known is a time, when there is one.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// newRegistrationToken is what a program sends to make one.
type newRegistrationToken struct {
	Name  string          `json:"name"`
	Terms registrar.Terms `json:"terms"`
	Uses  *int64          `json:"uses,omitempty"` // 1 when it is not said
	Life  *seconds        `json:"life,omitempty"` // 30 days when it is not said
}

// draft is the token that a program asks for.
func (n newRegistrationToken) draft() registrar.Draft {
	uses, life := int64(1), defaultLife
	if n.Uses != nil {
		uses = *n.Uses
	}
	if n.Life != nil {
		life = -1 // of none, or more than there can be, which would not fit
		if *n.Life > 0 && *n.Life <= longest {
			life = n.Life.duration()
		}
	}
	if n.Terms.Scopes == nil && registrar.WithPeople(n.Terms.GrantTypes()) {
		n.Terms.Scopes = []string{claim.ScopeOpenID, "email", "locale"}
	}
	return registrar.NewDraft(n.Name, n.Terms, uses, life)
}

// listTokens answers with initial access tokens by name, also those that are good no longer,
// page by page.
func (a *API) listTokens(q *request) error {
	query := q.r.URL.Query()
	limit := usualPage
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostPage {
			return &problem{status: http.StatusBadRequest, title: "This limit cannot be.", detail: "limit is 1 to " + strconv.Itoa(mostPage) + "."}
		}
		limit = n
	}
	var page []registrar.Token
	var now time.Time
	err := a.DB.Read(q.ctx, func(tx *db.Tx) (err error) {
		now = tx.Now()
		page, err = a.Tokens.Page(tx, query.Get("after"), limit+1)
		return err
	})
	if err != nil {
		return err
	}
	var next string
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Name
	}
	out := registrationTokens{RegistrationTokens: []registrationToken{}, Next: next}
	for _, t := range page {
		out.RegistrationTokens = append(out.RegistrationTokens, registrationTokenOf(t, now))
	}
	return q.answer(http.StatusOK, out)
}

// registrationTokens is one page of them.
type registrationTokens struct {
	RegistrationTokens []registrationToken `json:"registration_tokens"`
	Next               string              `json:"next,omitempty"` // of the page after this one, for the query member after
}

// showToken answers with one initial access token.
func (a *API) showToken(q *request) error {
	return a.tokenAs(q, q.r.PathValue("name"), http.StatusOK, "")
}

func (a *API) tokenAs(q *request, name string, status int, shown string) error {
	var t registrar.Token
	var now time.Time
	err := a.DB.Read(q.ctx, func(tx *db.Tx) (err error) {
		now = tx.Now()
		t, err = a.Tokens.Named(tx, name)
		return err
	})
	if err != nil {
		return err
	}
	out := registrationTokenOf(t, now)
	out.Token = shown
	return q.answer(status, out)
}

// addToken makes an initial access token, which is answered this once.
func (a *API) addToken(q *request) error {
	var body newRegistrationToken
	if err := q.read(&body); err != nil {
		return err
	}
	d := body.draft()
	if problems := d.Problems(a.Langs); len(problems) > 0 {
		p := &problem{status: http.StatusUnprocessableEntity, title: "The token has problems."}
		for _, one := range problems {
			field := one.Field
			if !slices.Contains([]string{"name", "uses", "life"}, field) {
				field = "terms." + field
			}
			p.problems = append(p.problems, field+": "+a.Texts.Tr(i18n.English).T(one.Key))
		}
		return p
	}
	err := a.recorded(q, "registration_token.add", func(tx *db.Tx) error { return a.Tokens.Add(tx, d) })
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/api/v1/registration-tokens/"+d.Name)
	return a.tokenAs(q, d.Name, http.StatusCreated, d.Token)
}

// revokeToken ends an initial access token at once; what it registered stays.
func (a *API) revokeToken(q *request) error {
	name := q.r.PathValue("name")
	err := a.recorded(q, "registration_token.revoke", func(tx *db.Tx) error { return a.Tokens.Revoke(tx, name) })
	if err != nil {
		return err
	}
	return a.tokenAs(q, name, http.StatusOK, "")
}
