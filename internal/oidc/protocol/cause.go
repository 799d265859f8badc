package protocol

import (
	"net/url"
	"slices"
)

// Cause says in one fixed word why a request was refused. It goes to the
// operator's log and never to the client, whose answer is the same for all causes
// that could tell an attacker something (RFC 6749, 5.2; RFC 6750, 3.1). A cause
// holds nothing of the request, of a registration or of a person. The words are
// documented in docs/operations.md and do not change.
type Cause string

// Why a client was not authenticated.
const (
	ClientUnknown      Cause = "client_unknown"      // no client is registered by that client_id
	ClientDisabled     Cause = "client_disabled"     // it was disabled
	MethodDiffers      Cause = "auth_method_differs" // another method is registered than the one used
	SecretWrong        Cause = "secret_wrong"        // no secret of the client matches
	SecretEnded        Cause = "secret_ended"        // it matches one that was replaced and has ended
	AssertionSignature Cause = "assertion_signature" // no registered key verifies the assertion
	MethodOff          Cause = "auth_method_off"     // the deployment does not take the method that is registered
	AssertionReplayed  Cause = "assertion_replayed"  // its jti was used before

	CertificateMissing   Cause = "certificate_missing"   // the request came without one
	CertificateMalformed Cause = "certificate_malformed" // the proxy's header holds none in the form that is set
	CertificateExpired   Cause = "certificate_expired"   // it is not in force
	CertificateWeak      Cause = "certificate_weak"      // its key is too short, or of a kind that is not taken
	CertificateUntrusted Cause = "certificate_untrusted" // no authority of oidc.mtls.ca_files issued it for clients
	CertificateDiffers   Cause = "certificate_differs"   // it is not the one that is registered
)

// Why a token or userinfo request was refused. What became of the code or token
// itself is said in the words of grant.Cause.
const (
	MalformedCode    Cause = "code_malformed"     // code or redirect_uri is longer than ours can be
	RefreshMalformed Cause = "refresh_malformed"  // it cannot be a refresh token of ours
	TokenMissing     Cause = "token_missing"      // the request brought none
	ProofMissing     Cause = "dpop_proof_missing" // the token is bound to a key, or the client must bind its tokens, and no proof came
	ProofOfOther     Cause = "dpop_key_differs"   // the proof is of another key than the code or token is bound to
	ProofSignature   Cause = "dpop_signature"     // it is not signed with the key in its header
	SubjectOfOther   Cause = "subject_of_other"   // the token to exchange is that of a service whose tokens this one may not exchange
	ActorsMany       Cause = "actors_many"        // too many services act for one another in it
	TokenElsewhere   Cause = "token_for_another"  // it is for other resources than userinfo
	TokenUnbound     Cause = "token_not_bound"    // DPoP was used with a token that is bound to no key
	TokenMalformed   Cause = "token_malformed"    // it is empty, or longer than ours can be
	AccountNotActive Cause = "account_not_active" // the account is closed or cannot be used
)

// Why an authorization request was refused, besides what its description says.
const (
	ObjectSignature      Cause = "request_object_signature"  // no registered key and algorithm verifies the request object
	ObjectMalformed      Cause = "request_object_malformed"  // it is no signed JWT
	RedirectUnregistered Cause = "redirect_uri_unregistered" // it resembles none that is registered
	HintSignature        Cause = "hint_signature"            // id_token_hint was not signed by a published key
	HintOfOther          Cause = "hint_of_other_client"      // it was given to another client, or by another issuer
	HintSubject          Cause = "hint_subject"              // it names another person than the claims parameter
	SubjectDiffers       Cause = "subject_differs"           // another person is signed in than the request names
	NobodySignedIn       Cause = "nobody_signed_in"          // no live session
	SignInNotEnough      Cause = "sign_in_not_enough"        // the session is too old or too weak for what is demanded
	ConsentMissing       Cause = "consent_missing"           // the person has not agreed, or must be asked again
	ChoiceDemanded       Cause = "choice_demanded"           // the person must choose an account
	AnswerDemanded       Cause = "answer_demanded"           // the person must be asked something else
	ClassUnknown         Cause = "acr_unreachable"           // an acr is demanded that does not exist here
	PersonDeclined       Cause = "person_declined"           // the person did not agree, or went back
)

// redirectDifference says in which part an address differs from the registered
// one that is nearest to it: the first part that is wrong in each is as late as possible.
func redirectDifference(registered []string, given string) Cause {
	g, err := url.Parse(given)
	if err != nil {
		return RedirectUnregistered
	}
	order := []Cause{
		RedirectUnregistered, "redirect_uri_scheme", "redirect_uri_port", "redirect_uri_path", "redirect_uri_slash",
		"redirect_uri_query", "redirect_uri_fragment", "redirect_uri_bytes",
	}
	best := 0
	for _, one := range registered {
		r, err := url.Parse(one)
		if err == nil {
			best = max(best, slices.Index(order, differs(r, g)))
		}
	}
	return order[best]
}

func differs(r, g *url.URL) Cause {
	switch {
	case r.Hostname() != g.Hostname():
		return RedirectUnregistered
	case r.Scheme != g.Scheme:
		return "redirect_uri_scheme"
	case r.Port() != g.Port():
		return "redirect_uri_port"
	case r.EscapedPath()+"/" == g.EscapedPath() || r.EscapedPath() == g.EscapedPath()+"/":
		return "redirect_uri_slash"
	case r.EscapedPath() != g.EscapedPath():
		return "redirect_uri_path"
	case r.RawQuery != g.RawQuery:
		return "redirect_uri_query"
	case g.Fragment != "":
		return "redirect_uri_fragment"
	default:
		return "redirect_uri_bytes" // upper case, user information, an escape …
	}
}
