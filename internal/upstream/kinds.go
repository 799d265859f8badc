package upstream

import (
	"fmt"
	"maps"
	"slices"

	"parvis/internal/policy"
)

// Kind is a partner of which something is known beforehand.
type Kind string

// The kinds. docs/integration/sign-in-partners.md says what each needs besides.
const (
	Other             Kind = ""
	Parvis            Kind = "parvis"             // another deployment of this software
	Google            Kind = "google"             // Google accounts
	Entra             Kind = "entra"              // one tenant of Microsoft Entra ID
	Okta              Kind = "okta"               // an Okta organisation
	FranceConnect     Kind = "franceconnect"      // eIDAS low
	FranceConnectPlus Kind = "franceconnect-plus" // eIDAS substantial and high, encrypted
	Interac           Kind = "interac"            // the sign-in service of Interac
	GCKey             Kind = "gckey"              // GCKey and others of the Government of Canada's SAML profile
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Parvis, Google, Entra, Okta, FranceConnect, FranceConnectPlus, Interac, GCKey}
}

// UnmarshalText reads a kind; an unknown one is an error that lists those that exist.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) > 0 && !slices.Contains(Kinds(), Kind(text)) {
		return fmt.Errorf("%q is no kind of sign-in partner; choose one of %v, or leave it out", text, Kinds())
	}
	*k = Kind(text)
	return nil
}

// fill writes what the kind knows where nothing is written.
func (k Kind) fill(s Settings) Settings {
	known, ok := kinds()[k]
	if !ok {
		return s
	}
	set(&s.Protocol, known.Protocol)
	set(&s.Issuer, known.Issuer)
	set(&s.SAML.NameID, known.SAML.NameID)
	set(&s.SAML.Encryption, known.SAML.Encryption)
	if len(s.SAML.AuthnContext) == 0 {
		s.SAML.AuthnContext = known.SAML.AuthnContext
	}
	o, from := &s.OIDC, known.OIDC
	set(&o.Auth, from.Auth)
	set(&o.ResponseMode, from.ResponseMode)
	set(&o.PAR, from.PAR)
	set(&o.DPoP, from.DPoP)
	set(&o.Logout, from.Logout)
	o.RequireIss = o.RequireIss || from.RequireIss
	o.UserInfo = o.UserInfo || from.UserInfo
	if len(o.ACRValues) == 0 {
		o.ACRValues = from.ACRValues
	}
	if len(o.IDTokenAlgs) == 0 {
		o.IDTokenAlgs = from.IDTokenAlgs
	}
	if len(s.Worth.ACR) == 0 {
		s.Worth.ACR = maps.Clone(known.Worth.ACR)
	}
	if len(s.Worth.AMR) == 0 {
		s.Worth.AMR = maps.Clone(known.Worth.AMR)
	}
	return s
}

// assuranceGC begins the levels of assurance of the Government of Canada's profile
// (Cyber Authentication Technology Solutions, Interface Architecture and Specification).
const assuranceGC = "urn:gc-ca:cyber-auth:assurance:"

// kinds are the settings that each kind begins with. What a level is worth takes
// effect only as far as worth.cap is raised.
func kinds() map[Kind]Settings {
	return map[Kind]Settings{
		Parvis: {
			Worth: Worth{ACR: map[string]policy.Level{
				policy.ACROneStep: policy.OneStep, policy.ACRTwoSteps: policy.TwoSteps, policy.ACRAAL2: policy.AAL2,
				policy.ACRPhishingResistant: policy.AAL2PhishingResistant, policy.ACRAAL3: policy.AAL3,
			}},
			OIDC: OIDCSettings{RequireIss: true, IDTokenAlgs: []string{"RS256", "ES256"}},
		},
		Google: {
			Issuer: "https://accounts.google.com",
			OIDC:   OIDCSettings{Auth: AuthPost, PAR: Off, DPoP: Off, IDTokenAlgs: []string{"RS256"}},
		},
		Entra: { // the issuer names the tenant: https://login.microsoftonline.com/{tenant}/v2.0
			OIDC: OIDCSettings{Auth: AuthPost, PAR: Off, DPoP: Off, IDTokenAlgs: []string{"RS256"}},
		},
		Okta: {
			Worth: Worth{ACR: map[string]policy.Level{
				"urn:okta:loa:1fa:any": policy.OneStep, "urn:okta:loa:2fa:any": policy.AAL2, "phr": policy.AAL2PhishingResistant,
			}},
			OIDC: OIDCSettings{Auth: AuthBasic, DPoP: Off, Logout: Off, IDTokenAlgs: []string{"RS256"}},
		},
		FranceConnect: {
			Worth: Worth{ACR: map[string]policy.Level{"eidas1": policy.OneStep}},
			OIDC:  OIDCSettings{Auth: AuthPost, ACRValues: []string{"eidas1"}, PAR: Off, DPoP: Off, Logout: Off, IDTokenAlgs: []string{"ES256", "RS256"}},
		},
		FranceConnectPlus: {
			Worth: Worth{ACR: map[string]policy.Level{"eidas2": policy.AAL2, "eidas3": policy.AAL2}},
			OIDC:  OIDCSettings{Auth: AuthPost, ACRValues: []string{"eidas2"}, PAR: Off, DPoP: Off, Logout: Off, IDTokenAlgs: []string{"ES256", "RS256"}},
		},
		GCKey: { // metadata comes with the agreement; a password there is LoA 2 (ITSG-31)
			Protocol: string(SAML),
			Worth: Worth{ACR: map[string]policy.Level{
				assuranceGC + "loa1": policy.OneStep, assuranceGC + "loa2": policy.OneStep, assuranceGC + "loa3": policy.AAL2,
			}},
			SAML: SAMLSettings{NameID: "persistent", Encryption: On, AuthnContext: []string{assuranceGC + "loa2"}},
		},
		Interac: { // issuer and client_id come with the agreement
			OIDC: OIDCSettings{Auth: AuthPrivateKeyJWT},
		},
	}
}
