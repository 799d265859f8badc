package authorize

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"parvis/internal/fault"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

// answer sends parameters to the service in the way it asked for.
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, in incoming, params []protocol.Param) error {
	if protocol.CheckRedirectURI(in.request.RedirectURI, in.party.Native) != nil {
		return fault.New(fault.Denied, "oidc.redirect-gone")
	}
	if in.request.Secured() {
		token, err := e.secure(r.Context(), in, params)
		if err != nil {
			return err
		}
		params = protocol.Secure(token)
	}
	if in.request.Posts() {
		return e.formPost(w, r, in, params)
	}
	redirect(w, protocol.AppendQuery(in.request.RedirectURI, params))
	return nil
}

// secure signs an answer, so that the service knows whose it is and that nobody changed it, and
// then encrypts it where the service wants that (JWT Secured Authorization Response Mode, 2 and 3).
func (e *Endpoint) secure(ctx context.Context, in incoming, params []protocol.Param) (string, error) {
	protect, err := e.protector(ctx, in)
	if err != nil {
		return "", err
	}
	token, err := protect.Protect("JWT", in.request.AnswerClaims(params, e.Now()))
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	return token, nil
}

// protector is what an answer is signed and encrypted with; nothing where it goes as it is.
func (e *Endpoint) protector(ctx context.Context, in incoming) (out jose.Protector, err error) {
	if !in.request.Secured() {
		return out, nil
	}
	if out.Signer, err = e.Keyring.Signer(in.party.AnswerAlg); err != nil {
		return out, fmt.Errorf("authorize: %w", err)
	}
	out.Encrypter, err = e.Keys.Encrypter(ctx, in.party, in.party.AnswerSecrecy)
	if errors.Is(err, jose.ErrNoKey) { // its keys at jwks_uri changed: that is the service's to mend
		err = fault.Wrap(fault.Unavailable, "error.unavailable", err)
	}
	if err != nil {
		return out, fmt.Errorf("authorize: %w", err)
	}
	return out, nil
}

// refuse sends an error to the service.
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, in incoming, bad *protocol.Error) error {
	e.log(r, bad, in.party)
	return e.answer(w, r, in, in.request.Refused(e.Issuer, bad))
}

func (e *Endpoint) log(r *http.Request, bad *protocol.Error, party *relyingparty.RelyingParty) {
	pid := ""
	if party != nil {
		pid = string(party.ID)
	}
	e.Site.Log.InfoContext(r.Context(), "authorization request refused", slog.String("relying_party", pid),
		slog.String("error", string(bad.Code)), slog.String("description", bad.Description),
		slog.String("cause", bad.LogCause()), slog.String("reference", kit.Reference(r)))
}

// badRequest is what the page of an untrustworthy request shows. It repeats
// nothing of the request.
type badRequest struct {
	Detail  string // for the service's team
	Code    string
	Service string // name of the service, when it is known
	Support *contact
	Return  string // "Back to <service>"
}

// contact is the service's own support desk in the page's language.
type contact struct{ Name, Email, Phone, URL, Hours string }

// page answers a request that cannot be trusted: a page, never a redirect (RFC 6749, 4.1.2.1).
func (e *Endpoint) page(w http.ResponseWriter, r *http.Request, bad *protocol.Error, party *relyingparty.RelyingParty) error {
	e.log(r, bad, party)
	data := badRequest{Detail: bad.Description, Code: string(bad.Code)}
	scene := kit.SceneOf(r)
	scene.Reference = kit.Reference(r) // as the log has it
	tr, lang := e.Site.Tr(r), kit.Lang(r)
	if party != nil {
		data.Service, data.Return = party.Name.In(lang), party.ReturnURL
		scene.Lintel = &kit.Lintel{Line: tr.T("bad-request.lintel"), Name: party.Name.In(lang), Department: party.Department.In(lang), Party: string(party.ID)}
		if party.ReturnURL != "" {
			scene.Back = &kit.Link{Text: party.Name.In(lang), URL: party.ReturnURL}
		}
		if s := party.Support; s.Known() {
			data.Support = &contact{Name: s.Name.In(lang), Email: s.Email, Phone: s.Phone, URL: s.URL.In(lang), Hours: s.Hours.In(lang)}
		}
	}
	status := http.StatusBadRequest
	switch {
	case bad.TooLong && r.Method == http.MethodGet:
		status = http.StatusRequestURITooLong
	case bad.TooLong:
		status = http.StatusRequestEntityTooLarge
	}
	err := e.pages.Render(w, r, status, kit.View{Page: "bad-request", Title: tr.T("bad-request.title"), Data: data})
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	return nil
}

// submit is the whole script of the form_post page; the policy names its digest.
// It does not call the form's own submit, which the button's id hides where a
// browser reads what noscript holds.
const submit = `HTMLFormElement.prototype.submit.call(document.forms[0])`

// formPostPage is a page that posts an answer to the service, by itself or, without
// scripts, by its button (OAuth 2.0 Form Post Response Mode, 2).
const formPostPage = `<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title></head>
<body data-page="form-post"><main><form method="post" action="{{.URI}}">
{{range .Params}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<noscript><p>{{.Text}}</p><button id="submit">{{.Button}}</button></noscript></form></main>
<script>` + submit + `</script></body></html>
`

func (e *Endpoint) formPost(w http.ResponseWriter, r *http.Request, in incoming, params []protocol.Param) error {
	uri := in.request.RedirectURI
	t, err := template.New("form-post").Parse(formPostPage)
	if err != nil {
		return fmt.Errorf("authorize: form_post: %w", err)
	}
	tr := e.Site.Tr(r)
	var out strings.Builder
	err = t.Execute(&out, map[string]any{
		"Lang": kit.Lang(r), "Title": tr.T("form-post.title"), "Text": tr.T("form-post.text"), "Button": tr.T("form-post.button"),
		"URI":    template.URL(uri), //nolint:gosec // registered, and checked again by CheckRedirectURI
		"Params": params,
	})
	if err != nil {
		return fmt.Errorf("authorize: form_post: %w", err)
	}
	sum := sha256.Sum256([]byte(submit))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// The service sees who posts to it, as a check of the Origin header needs; never from which page.
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action "+formAction(uri, in.party)+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write([]byte(out.String())); err != nil {
		return nil //nolint:nilerr // the browser has gone
	}
	return nil
}

// formAction lists where the form may lead: to the address of this answer, and
// from there to the service's other registered hosts.
func formAction(uri string, party *relyingparty.RelyingParty) string {
	out := []string{relyingparty.Origin(uri)}
	for _, origin := range party.Origins() {
		if origin != out[0] {
			out = append(out, origin)
		}
	}
	return strings.Join(out, " ")
}
