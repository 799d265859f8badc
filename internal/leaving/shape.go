package leaving

import (
	"context"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/upstream"
)

// Data is what is held about a person, beside their activity. docs/account-data.md tells
// of each field which columns it comes from; a test compares that with the inventory.
type Data struct {
	Account            AccountData         `json:"account"`
	Addresses          []AddressData       `json:"addresses"`
	FormerAddresses    []FormerAddressData `json:"former_addresses"`
	Methods            []MethodData        `json:"methods"`
	Sessions           []SessionData       `json:"sessions"`
	KnownBrowsers      []BrowserData       `json:"known_browsers"`
	RememberedBrowsers []RememberedData    `json:"remembered_browsers"`
	Partners           []PartnerData       `json:"partners"`
	BlockedPartners    []BlockedData       `json:"blocked_partners"`
	Services           []ServiceData       `json:"services"`
	Identifiers        []IdentifierData    `json:"identifiers"`
	Given              []GivenData         `json:"given"`
	Merges             []MergeData         `json:"merges"`
	Closures           []ClosureData       `json:"closures"`
	UnusedWarnings     []WarningData       `json:"unused_warnings"`
	LostMethods        []LostData          `json:"lost_methods"`
	Requests           []RequestData       `json:"requests"`
	Messages           []MessageData       `json:"messages"`
}

// AccountData is the account itself.
type AccountData struct {
	ID          id.Account `json:"id"`
	Status      string     `json:"status"`
	Language    string     `json:"language"`
	CreatedAt   time.Time  `json:"created_at"`
	ActivatedAt time.Time  `json:"activated_at,omitzero"`
	UsedAt      time.Time  `json:"used_at,omitzero"` // beginning of the day of the newest sign-in
}

// AddressData is an e-mail address.
type AddressData struct {
	Address  string    `json:"address"`
	Main     bool      `json:"main"`
	AddedAt  time.Time `json:"added_at"`
	ProvenAt time.Time `json:"proven_at,omitzero"`
}

// FormerAddressData is an address that was removed, or replaced as the main one, while
// that can be taken back.
type FormerAddressData struct {
	Address   string    `json:"address"`
	ChangedAt time.Time `json:"changed_at"`
	KeptUntil time.Time `json:"kept_until"`
}

// MethodData is a way to prove who somebody is; never its secret.
type MethodData struct {
	Type            string      `json:"type"`
	Name            string      `json:"name,omitempty"`
	AddedAt         time.Time   `json:"added_at"`
	UsedAt          time.Time   `json:"used_at,omitzero"`
	FailedAt        time.Time   `json:"failed_at,omitzero"`
	LeakedAt        time.Time   `json:"leaked_at,omitzero"`
	Number          string      `json:"number,omitempty"`
	Prefers         string      `json:"prefers,omitempty"`
	NoTexts         bool        `json:"no_texts,omitempty"`
	CodesMadeAt     time.Time   `json:"codes_made_at,omitzero"`
	CodesLeft       int         `json:"codes_left,omitempty"`
	CodesUsedAt     []time.Time `json:"codes_used_at,omitempty"`
	CodesRemindedAt time.Time   `json:"codes_reminded_at,omitzero"`
}

// SessionData is a session of a browser.
type SessionData struct {
	Standing     string      `json:"standing"`
	Browser      string      `json:"browser,omitempty"`
	System       string      `json:"system,omitempty"`
	StartedAt    time.Time   `json:"started_at"`
	UsedAt       time.Time   `json:"used_at"`
	EndsAt       time.Time   `json:"ends_at"`
	EndedFor     string      `json:"ended_for,omitempty"`
	PasswordAt   time.Time   `json:"password_at,omitzero"`
	PartnerAt    time.Time   `json:"partner_at,omitzero"`
	Partner      string      `json:"partner,omitempty"`
	Proofs       []ProofData `json:"proofs,omitempty"`
	RememberedAt time.Time   `json:"remembered_at,omitzero"`
}

// ProofData is a method that was proven in a session.
type ProofData struct {
	Method string    `json:"method"`
	At     time.Time `json:"at"`
}

// BrowserData is a browser in which somebody has signed in.
type BrowserData struct {
	Since  time.Time `json:"since"`
	UsedAt time.Time `json:"used_at"`
}

// RememberedData is a browser in which the second step is not asked.
type RememberedData struct {
	Browser  string    `json:"browser"`
	System   string    `json:"system"`
	ProvenAt time.Time `json:"proven_at"`
}

// PartnerData is a sign-in partner that is linked.
type PartnerData struct {
	Name    i18n.Text `json:"name,omitempty"`
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"`
	Since   time.Time `json:"since"`
	UsedAt  time.Time `json:"used_at,omitzero"`
}

// BlockedData is a sign-in partner that is blocked.
type BlockedData struct {
	Name   i18n.Text `json:"name,omitempty"`
	Issuer string    `json:"issuer"`
	Since  time.Time `json:"since"`
}

// ServiceData is a connected service.
type ServiceData struct {
	Service  string    `json:"service"`
	Name     i18n.Text `json:"name,omitempty"`
	Shared   []string  `json:"shared"`
	Address  string    `json:"address,omitempty"` // that the service is told, when it was chosen
	Since    time.Time `json:"since"`
	AgreedAt time.Time `json:"agreed_at"`
	UsedAt   time.Time `json:"used_at,omitzero"`
}

// IdentifierData is by what services know the person, or knew them once.
type IdentifierData struct {
	Sector     string    `json:"sector"`
	Identifier string    `json:"identifier"`
	Since      time.Time `json:"since"`
	RetiredAt  time.Time `json:"retired_at,omitzero"`
}

// GivenData is what a service was given lately; never a code or a token.
type GivenData struct {
	Service    string    `json:"service"`
	Name       i18n.Text `json:"name,omitempty"`
	Identifier string    `json:"identifier"`
	At         time.Time `json:"at"`
	EndsAt     time.Time `json:"ends_at"`
	Taken      bool      `json:"taken"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Scopes     []string  `json:"scopes,omitempty"`
	Resources  []string  `json:"resources,omitempty"`
	Details    string    `json:"authorization_details,omitempty"` // as JSON
	UserInfo   []string  `json:"userinfo,omitempty"`
	IDToken    []string  `json:"id_token,omitempty"`
	Values     string    `json:"claim_values,omitempty"`    // as JSON
	Verified   string    `json:"verified_claims,omitempty"` // as JSON
	ACR        string    `json:"acr,omitempty"`
	AMR        []string  `json:"amr,omitempty"`
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

// MergeData is a merging with another account.
type MergeData struct {
	Other   id.Account `json:"other"`
	Stays   bool       `json:"stays"` // this account is the one that stays
	At      time.Time  `json:"at"`
	EndsAt  time.Time  `json:"ends_at"`
	EndedAt time.Time  `json:"ended_at,omitzero"`
	Outcome string     `json:"outcome,omitempty"`
}

// ClosureData is a wish to delete the account.
type ClosureData struct {
	AskedAt time.Time `json:"asked_at"`
	EndsAt  time.Time `json:"ends_at"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	Outcome string    `json:"outcome,omitempty"`
}

// WarningData is a course of messages that say that the account is not used.
type WarningData struct {
	WarnedAt      time.Time `json:"warned_at"`
	WarnedAgainAt time.Time `json:"warned_again_at,omitzero"`
	RemovalAt     time.Time `json:"removal_at"`
	EndedAt       time.Time `json:"ended_at,omitzero"`
	Outcome       string    `json:"outcome,omitempty"`
}

// LostData is a time at which somebody said that every method was lost.
type LostData struct {
	AskedAt time.Time `json:"asked_at"`
	DoneAt  time.Time `json:"done_at,omitzero"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	Outcome string    `json:"outcome,omitempty"`
}

// RequestData is something that the staff was asked for.
type RequestData struct {
	Kind        string    `json:"kind"`
	Reference   string    `json:"reference"`
	Status      string    `json:"status"`
	AskedAt     time.Time `json:"asked_at"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"`
}

// MessageData is the record of a message; never its text.
type MessageData struct {
	Kind    string    `json:"kind"`
	Channel string    `json:"channel"`
	Status  string    `json:"status"`
	At      time.Time `json:"at"`
	DoneAt  time.Time `json:"done_at,omitzero"`
}

// Event is something that happened.
type Event struct {
	At        time.Time         `json:"at"`
	Name      string            `json:"event"`
	Outcome   string            `json:"outcome"`
	Reason    string            `json:"reason,omitempty"`
	Service   string            `json:"service,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Address   string            `json:"address,omitempty"`
	Data      map[string]string `json:"data,omitempty"`
}

// names are what services and sign-in partners are called.
type names struct {
	services []*relyingparty.RelyingParty
	partners []*upstream.Provider
}

func (j *Journey) names(ctx context.Context) (n names, err error) {
	if n.services, err = j.Registry.List(ctx); err != nil {
		return names{}, err
	}
	n.partners, err = j.Upstreams.List(ctx)
	return n, err
}

func (n names) service(party id.RelyingParty) i18n.Text {
	for _, p := range n.services {
		if p.ID == party {
			return p.Name
		}
	}
	return nil
}

func (n names) partner(issuer string) i18n.Text {
	for _, p := range n.partners {
		if p.Issuer == issuer {
			return p.Name
		}
	}
	return nil
}
