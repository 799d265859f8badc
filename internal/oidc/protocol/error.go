package protocol

// Where says where an error goes.
type Where int

// The destinations.
const (
	ToPage   Where = iota // a page of our own; never a redirect (RFC 6749, 4.1.2.1)
	ToClient              // the registered redirect address
	Direct                // JSON in the answer
)

// Code is an error code of OAuth or OpenID Connect.
type Code string

// The codes (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core 1.0, 3.1.2.6; RFC 6750, 3.1; RFC 9101, 7; RFC 9449, 12.2; RFC 7591, 3.2.2;
// Initiating User Registration 1.0 uses none of its own).
const (
	InvalidRequest          Code = "invalid_request"
	InvalidClient           Code = "invalid_client"
	InvalidGrant            Code = "invalid_grant"
	InvalidScope            Code = "invalid_scope"
	InvalidToken            Code = "invalid_token"
	InvalidTarget           Code = "invalid_target"                // RFC 8707, 2
	InvalidDetails          Code = "invalid_authorization_details" // RFC 9396, 5
	InsufficientScope       Code = "insufficient_scope"
	UnauthorizedClient      Code = "unauthorized_client"
	AccessDenied            Code = "access_denied"
	UnsupportedResponseType Code = "unsupported_response_type"
	UnsupportedGrantType    Code = "unsupported_grant_type"
	ServerError             Code = "server_error"
	TemporarilyUnavailable  Code = "temporarily_unavailable"
	LoginRequired           Code = "login_required"
	ConsentRequired         Code = "consent_required"
	InteractionRequired     Code = "interaction_required"
	InvalidProof            Code = "invalid_dpop_proof"
	UseNonce                Code = "use_dpop_nonce"
	RequestNotSupported     Code = "request_not_supported"
	InvalidRequestObject    Code = "invalid_request_object"
	InvalidRequestURI       Code = "invalid_request_uri"
	RequestURINotSupported  Code = "request_uri_not_supported"
	RegistrationUnsupported Code = "registration_not_supported"
	UnmetAuthentication     Code = "unmet_authentication_requirements"
	InvalidRedirectURI      Code = "invalid_redirect_uri"
	InvalidClientMetadata   Code = "invalid_client_metadata"
	InvalidStatement        Code = "invalid_software_statement"
	UnapprovedStatement     Code = "unapproved_software_statement"
)

// Error is a refusal in the words of the protocol.
type Error struct {
	Code        Code
	Description string // for the service's team; fixed ASCII text that repeats nothing of the request
	Where       Where
	Challenge   string // scheme of the WWW-Authenticate header, if one is due
	Forbidden   bool   // answered with 403 (CIBA, 13)
	TooLong     bool   // what was sent is longer than anything that is read
	Cause       Cause  // for the operator's log only, where one answer stands for several causes
}

// Because returns the error with its cause for the operator's log.
func (e *Error) Because(c Cause) *Error {
	out := *e
	out.Cause = c
	return &out
}

// Challenged returns the error with the scheme of the challenge that goes with it.
func (e *Error) Challenged(scheme string) *Error {
	out := *e
	out.Challenge = scheme
	return &out
}

// LogCause is what the operator's log says of the cause: the cause, or else the
// description, which then has one cause only. It never holds anything that was sent.
func (e *Error) LogCause() string {
	if e.Cause != "" {
		return string(e.Cause)
	}
	return e.Description
}

// Error is the text for the log.
func (e *Error) Error() string { return "oidc: " + string(e.Code) + ": " + e.Description }

// Status is the HTTP status of a direct error (RFC 6749, 5.2; RFC 6750, 3.1).
func (e *Error) Status() int {
	switch {
	case e.TooLong:
		return 413
	case e.Code == InsufficientScope || e.Forbidden:
		return 403
	case e.Code == InvalidClient, e.Code == InvalidToken, e.Challenge == SchemeDPoP:
		return 401
	case e.Code == TemporarilyUnavailable:
		return 503
	case e.Code == ServerError:
		return 500
	default:
		return 400
	}
}

func page(description string) *Error {
	return &Error{Code: InvalidRequest, Description: description, Where: ToPage}
}

func refuse(code Code, description string) *Error {
	return &Error{Code: code, Description: description, Where: ToClient}
}

func direct(code Code, description string) *Error {
	return &Error{Code: code, Description: description, Where: Direct}
}
