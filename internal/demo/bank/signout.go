package bank

import (
	"cmp"
	"net/http"
)

// endSession takes a wish to sign out here (OpenID Connect RP-Initiated Logout 1.0, 2)
// and leads to the page that asks. Without an ID token, people always are.
func (b *Bank) endSession(w http.ResponseWriter, r *http.Request) {
	brought, err := parameters(r)
	if err != nil {
		b.problem(w, r, http.StatusBadRequest, "request")
		return
	}
	if brought.Get("client_id") != b.Client.ID || brought.Get("post_logout_redirect_uri") != b.Client.SignedOutURI || b.Client.SignedOutURI == "" {
		b.problem(w, r, http.StatusBadRequest, "client") // nobody is sent to an address that is not registered
		return
	}
	http.Redirect(w, r, "/sign-out/"+b.leaving.add(signin{brought: brought, referer: r.Referer()}), http.StatusSeeOther)
}

// signOutPage asks whether somebody wants to sign out, and shows what the bank was told.
func (b *Bank) signOutPage(w http.ResponseWriter, r *http.Request) {
	s, ok := b.leaving.get(r.PathValue("key"))
	if !ok {
		b.problem(w, r, http.StatusGone, "gone")
		return
	}
	p := b.page(r, s.brought.Get("ui_locales"), "bank-sign-out", "demo.bank.signout.title")
	p.Brought = append(lines(s.brought), parameter{"Referer", cmp.Or(s.referer, "–")})
	b.show(w, r, http.StatusOK, p, "'self' "+origin(b.Client.SignedOutURI))
}

// signOut leads back. There is no session to end: customers choose who they are each time.
func (b *Bank) signOut(w http.ResponseWriter, r *http.Request) {
	if _, ok := b.leaving.take(r.PathValue("key")); !ok {
		b.problem(w, r, http.StatusGone, "gone")
		return
	}
	http.Redirect(w, r, b.Client.SignedOutURI, http.StatusSeeOther)
}
