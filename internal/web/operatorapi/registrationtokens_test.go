package operatorapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/operator"
)

const fisheries = `{"name": "fisheries", "uses": 3, "life": 86400, "terms": {"department": {"en": "Fisheries", "fr": "Pêches"},
	"grants": ["urn:openid:params:grant-type:ciba", "client_credentials"], "own_scopes": ["boats.read"],
	"authorization_details_types": [{"type": "fee", "title": {"en": "Pay a fee", "fr": "Payer des frais"}, "fields": {"amount": {"en": "Amount", "fr": "Montant"}}}]}}`

// tokenIn is the registration token of an answer.
func (d *desk) tokenIn(a answer, want int) registrationToken {
	d.Helper()
	var out registrationToken
	if err := json.Unmarshal([]byte(a.text), &out); err != nil || a.status != want {
		d.Fatalf("%d %s", a.status, a.text)
	}
	return out
}

const registrationTokensPath = "/api/v1/registration-tokens"

func TestARegistrationTokenIsMadeShownOnceAndRevoked(t *testing.T) {
	each(t, func(d *desk) {
		write, read := d.key("provisioner", operator.WriteRegistrationTokens), d.key("auditor", operator.ReadRegistrationTokens)
		found := func(token string) (found bool) {
			if err := d.db.Read(d.Context(), func(tx *db.Tx) (err error) {
				_, found, err = d.api.Tokens.Find(tx, token)
				return err
			}); err != nil {
				d.Fatal(err)
			}
			return found
		}
		a := d.ask(write, "POST", registrationTokensPath, fisheries)
		made := d.tokenIn(a, http.StatusCreated)
		if !strings.HasPrefix(made.Token, "parvis_iat_") || a.header.Get("Location") != registrationTokensPath+"/fisheries" || a.header.Get("Cache-Control") != "no-store" ||
			made.State != "good" || made.MostUses != 3 || made.ExpiresAt.Sub(made.CreatedAt).Hours() != 24 || made.UsedAt != nil || !found(made.Token) ||
			!slices.Equal(made.Terms.Scopes, []string{"openid", "email", "locale"}) || len(made.Terms.Grants) != 2 || made.Terms.DetailTypes[0].Title["fr"] != "Payer des frais" {
			d.Errorf("%s", a.text)
		}
		seen := d.ask(read, "GET", registrationTokensPath+"/fisheries", "")
		if one := d.tokenIn(seen, http.StatusOK); one.Token != "" || one.Name != "fisheries" {
			d.Errorf("%s", seen.text)
		}
		if again := d.ask(write, "POST", registrationTokensPath, fisheries); again.status != http.StatusConflict {
			d.Errorf("a name that is taken: %d %s", again.status, again.text)
		}
		gone := d.tokenIn(d.ask(write, "POST", registrationTokensPath+"/fisheries/revoke", ""), http.StatusOK)
		if gone.State != "revoked" || gone.RevokedAt == nil || found(made.Token) {
			d.Errorf("%+v", gone)
		}
		for _, a := range []answer{
			d.ask(write, "POST", registrationTokensPath+"/fisheries/revoke", ""), d.ask(write, "POST", registrationTokensPath+"/boats/revoke", ""), d.ask(read, "GET", registrationTokensPath+"/boats", ""),
		} {
			if a.status != http.StatusNotFound {
				d.Errorf("%d %s", a.status, a.text)
			}
		}
		if strings.Contains(seen.text+d.log.String(), made.Token) {
			d.Error("the token is told a second time, or in the log")
		}
		var got []string
		err := d.db.Read(d.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT name, COALESCE(reason, ''), data FROM audit_event WHERE name IN ($1, $2, $3) ORDER BY name, reason`,
				audit.OperatorRequest, audit.RegistrationTokenMade, audit.RegistrationTokenRevoked)
			got, err = db.Collect(rows, err, func(r *db.Rows) (string, error) {
				var name, reason, data string
				err := r.Scan(&name, &reason, &data)
				return name + " " + reason + " " + data, err
			})
			return err
		})
		if err != nil || len(got) != 4 || !strings.Contains(got[0], "registration_token.add") || !strings.Contains(got[0], "provisioner") ||
			!strings.Contains(got[1], "registration_token.revoke") || !strings.Contains(got[1], "provisioner") || !strings.Contains(got[2]+got[3], "fisheries") {
			d.Errorf("%q %v", got, err)
		}
	})
}

func TestAKeyDoesWithRegistrationTokensWhatItsScopesSay(t *testing.T) {
	each(t, func(d *desk) {
		read := d.key("auditor", operator.ReadRegistrationTokens)
		for name, c := range map[string]struct {
			key, method, path string
			may               bool
		}{
			"lists with upstreams:write":              {d.write, "GET", registrationTokensPath, false},
			"makes with upstreams:write":              {d.write, "POST", registrationTokensPath, false},
			"makes with registration-tokens:read":     {read, "POST", registrationTokensPath, false},
			"revokes with registration-tokens:read":   {read, "POST", registrationTokensPath + "/x/revoke", false},
			"lists with registration-tokens:read":     {read, "GET", registrationTokensPath, true},
			"lists partners with the key for tokens":  {read, "GET", "/api/v1/upstreams", false},
			"lists with registration-tokens:write":    {d.key("provisioner", operator.WriteRegistrationTokens), "GET", registrationTokensPath, true},
			"lists partners with the one that writes": {d.key("other", operator.WriteRegistrationTokens), "GET", "/api/v1/upstreams", false},
		} {
			body := map[string]string{"GET": "", "POST": fisheries}[c.method]
			if a := d.ask(c.key, c.method, c.path, body); (a.status == http.StatusOK) != c.may || !c.may && a.status != http.StatusForbidden {
				d.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
	})
}

func TestRegistrationTokensAreListedPageByPage(t *testing.T) {
	each(t, func(d *desk) {
		write := d.key("provisioner", operator.WriteRegistrationTokens)
		for i := range 5 {
			d.tokenIn(d.ask(write, "POST", registrationTokensPath, strings.Replace(fisheries, `"fisheries"`, fmt.Sprintf(`"token%d"`, i), 1)), http.StatusCreated)
		}
		var names, sizes []string
		for after := ""; ; {
			var page registrationTokens
			a := d.ask(write, "GET", registrationTokensPath+"?limit=2&after="+after, "")
			if err := json.Unmarshal([]byte(a.text), &page); err != nil || a.status != http.StatusOK || strings.Contains(a.text, "parvis_iat_") {
				d.Fatalf("%d %s", a.status, a.text)
			}
			sizes = append(sizes, fmt.Sprint(len(page.RegistrationTokens)))
			for _, one := range page.RegistrationTokens {
				names = append(names, one.Name)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if strings.Join(names, " ") != "token0 token1 token2 token3 token4" || strings.Join(sizes, " ") != "2 2 1" {
			d.Errorf("%v %v", names, sizes)
		}
		for _, limit := range []string{"0", "-1", "201", "all"} {
			if a := d.ask(write, "GET", registrationTokensPath+"?limit="+limit, ""); a.status != http.StatusBadRequest {
				d.Errorf("limit %s: %d", limit, a.status)
			}
		}
	})
}

func TestARegistrationTokenThatCannotBeIsRefusedWithAllItsReasons(t *testing.T) {
	each(t, func(d *desk) {
		write := d.key("provisioner", operator.WriteRegistrationTokens)
		bad := strings.NewReplacer(`"fisheries"`, `"Fisheries"`, `"uses": 3`, `"uses": 0`, "86400", "9000000000000000000", `, "fr": "Pêches"`, "", "boats.read", "email", "client_credentials", "implicit").Replace(fisheries)
		a := d.ask(write, "POST", registrationTokensPath, bad)
		for _, field := range []string{"name: ", "uses: ", "life: ", "terms.department: ", "terms.grants: ", "terms.own_scopes: "} {
			if a.status != http.StatusUnprocessableEntity || !slices.ContainsFunc(a.body.Problems, func(p string) bool { return strings.HasPrefix(p, field) && len(p) > len(field)+10 }) {
				d.Errorf("%q is not named: %d %s", field, a.status, a.text)
			}
		}
		for name, body := range map[string]string{
			"an unknown member": strings.Replace(fisheries, `"uses"`, `"token": "mine", "uses"`, 1), "another type": strings.Replace(fisheries, "86400", `"1d"`, 1), "nothing": "",
		} {
			if a := d.ask(write, "POST", registrationTokensPath, body, "Content-Type", "application/json"); a.status != http.StatusBadRequest {
				d.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
	})
}

func FuzzReadOfARegistrationToken(f *testing.F) {
	f.Add([]byte(fisheries))
	f.Add([]byte(`{"name":"a","life":-9223372036854775807,"terms":{"grants":["refresh_token"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(raw))
		r.Header.Set("Content-Type", "application/json")
		var n newRegistrationToken
		if (&request{w: httptest.NewRecorder(), r: r}).read(&n) != nil {
			return
		}
		d := n.draft()
		if len(d.Problems(nil)) == 0 && (d.Life <= 0 || d.Uses < 1 || d.Name == "") {
			t.Errorf("%+v", d)
		}
	})
}
