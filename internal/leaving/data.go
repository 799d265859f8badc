package leaving

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
)

// Format names the shape of what is downloaded (docs/account-data.md). A later one of the
// same name may say more, never something else.
const Format = "parvis.account-data.1"

// eventsAtOnce is how many events are in memory at once.
const eventsAtOnce = 100

// Form is how somebody looks at what is held about them.
type Form string

// The forms.
const (
	Page Form = "page" // read on a page
	File Form = "file" // downloaded
)

// Copy is what is held about a person, ready to be given to them. Made by Data.
type Copy struct {
	Data

	MadeAt time.Time
	j      *Journey
	who    id.Account
}

// Data reads what is held about the person who is signed in, records that they asked, and
// tells them by mail: whoever else does that reads all of it. Fault Denied when nobody is
// signed in or the proofs are not fresh.
func (j *Journey) Data(ctx context.Context, v flow.Visitor, form Form) (*Copy, error) {
	who, err := j.fresh(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("leaving: data: %w", err)
	}
	if err := j.Limiter.Allow(ctx, ratelimit.SendAccount, string(who.ID)); err != nil {
		return nil, err
	}
	named, err := j.names(ctx)
	if err != nil {
		return nil, fmt.Errorf("leaving: data: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		e := owner.Event(audit.AccountDataGiven, v, who)
		e.Data = map[string]string{"form": string(form)}
		if err := j.Owners.Audit.Record(tx, e); err != nil {
			return err
		}
		return j.Owners.Tell(tx, who, notice.DataGiven{Page: form == Page, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return nil, fmt.Errorf("leaving: data: %w", err)
	}
	out := &Copy{j: j, who: who.ID}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		out.MadeAt = tx.Now()
		out.Data, err = j.read(tx, who.ID, named)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("leaving: data: %w", err)
	}
	return out, nil
}

// fresh is who is signed in with fresh proofs.
func (j *Journey) fresh(ctx context.Context, v flow.Visitor) (owner.Owner, error) {
	var who owner.Owner
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		who, err = j.Owners.Fresh(tx, v)
		return err
	})
	return who, err
}

// Activity gives the events of the account, newest first, in portions: of any number of
// them a bounded number is in memory. Each portion is a transaction of its own, so that a
// slow reader holds none open. do says whether it wants more.
func (c *Copy) Activity(ctx context.Context, do func(Event) (more bool, err error)) error {
	older := id.Event("")
	for {
		var list []audit.Event
		err := c.j.DB.Read(ctx, func(tx *db.Tx) (err error) {
			list, err = c.j.Owners.Audit.Held(tx, c.who, older, eventsAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("leaving: activity: %w", err)
		}
		for _, e := range list {
			more, err := do(eventOf(e))
			if err != nil || !more {
				return err
			}
			older = e.ID
		}
		if len(list) < eventsAtOnce {
			return nil
		}
	}
}

// Write writes all of it as JSON, the activity last and as it is read.
func (c *Copy) Write(ctx context.Context, w io.Writer) error {
	head, err := json.Marshal(struct {
		Format string    `json:"format"`
		MadeAt time.Time `json:"made_at"`
		Data
	}{Format, c.MadeAt.UTC(), c.Data})
	if err != nil {
		return fmt.Errorf("leaving: write: %w", err)
	}
	if _, err := w.Write(append(head[:len(head)-1], `,"activity":[`...)); err != nil {
		return fmt.Errorf("leaving: write: %w", err)
	}
	before := "\n"
	err = c.Activity(ctx, func(e Event) (bool, error) {
		line, err := json.Marshal(e)
		if err != nil {
			return false, fmt.Errorf("leaving: write: %w", err)
		}
		_, err = w.Write(append([]byte(before), line...))
		before = ",\n"
		return true, err
	})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n]}\n"); err != nil {
		return fmt.Errorf("leaving: write: %w", err)
	}
	return nil
}

// read collects everything but the activity, in one transaction.
func (j *Journey) read(tx *db.Tx, a id.Account, named names) (Data, error) {
	var out Data
	for _, step := range []func(*db.Tx, id.Account, names, *Data) error{
		j.readAccount, j.readMethods, j.readSessions, j.readPartners, j.readServices, j.readRest,
	} {
		if err := step(tx, a, named, &out); err != nil {
			return Data{}, err
		}
	}
	return out, nil
}

func (j *Journey) readAccount(tx *db.Tx, a id.Account, _ names, out *Data) error {
	found, _, err := j.Owners.Accounts.ByID(tx, a)
	if err != nil {
		return err
	}
	out.Account = AccountData{
		ID: found.ID, Status: string(found.Status), Language: found.Locale, CreatedAt: utc(found.CreatedAt), ActivatedAt: utc(found.ActivatedAt), UsedAt: utc(found.UsedAt),
	}
	all, err := j.Owners.Accounts.Addresses(tx, a)
	if err != nil {
		return err
	}
	for _, e := range all {
		out.Addresses = append(out.Addresses, AddressData{Address: e.Address.Written, Main: e.Main, AddedAt: utc(e.AddedAt), ProvenAt: utc(e.ProvenAt)})
	}
	moved, err := j.Owners.Accounts.Moved(tx, a)
	for _, m := range moved {
		out.FormerAddresses = append(out.FormerAddresses, FormerAddressData{Address: m.Address.Written, ChangedAt: utc(m.At), KeptUntil: utc(m.EndsAt)})
	}
	return err
}

func (j *Journey) readMethods(tx *db.Tx, a id.Account, _ names, out *Data) error {
	list, err := authenticator.List(tx, a)
	if err != nil {
		return err
	}
	phones, err := j.Phones.All(tx, a)
	if err != nil {
		return err
	}
	numbers := map[authenticator.ID]phone.Phone{}
	for _, p := range phones {
		numbers[p.ID] = p
	}
	codes, found, err := j.BackupCodes.Find(tx, a)
	if err != nil {
		return err
	}
	kept, _, err := password.Passwords{Keys: j.Owners.Accounts.Keys}.Get(tx, a)
	if err != nil {
		return err
	}
	for _, m := range list {
		one := MethodData{Type: string(m.Type), Name: m.Name, AddedAt: utc(m.BoundAt), UsedAt: utc(m.UsedAt), FailedAt: utc(m.TriedAt())}
		if m.ID == kept.Authenticator {
			one.LeakedAt = utc(kept.LeakedAt)
		}
		if p, ok := numbers[m.ID]; ok {
			one.Number, one.Prefers, one.NoTexts = p.Number.E164(), string(p.Prefers), p.Stopped
		}
		if found && codes.ID == m.ID {
			codesOf(codes, &one)
		}
		out.Methods = append(out.Methods, one)
	}
	return nil
}

// codesOf adds what is known of a set of backup codes.
func codesOf(s backupcode.Set, one *MethodData) {
	one.CodesMadeAt, one.CodesLeft, one.CodesRemindedAt = utc(s.MadeAt), s.Left, utc(s.RemindedAt)
	for _, at := range s.Uses {
		one.CodesUsedAt = append(one.CodesUsedAt, at.UTC())
	}
}

func (j *Journey) readSessions(tx *db.Tx, a id.Account, _ names, out *Data) error {
	held, err := j.Owners.Sessions.Held(tx, a)
	if err != nil {
		return err
	}
	for _, s := range held.Sessions {
		one := SessionData{
			Standing: string(s.Standing), Browser: s.Browser, System: s.System, StartedAt: utc(s.CreatedAt), UsedAt: utc(s.TouchedAt), EndsAt: utc(s.EndsAt), EndedFor: string(s.Reason),
			PasswordAt: utc(s.Facts.Password), PartnerAt: utc(s.Facts.Partner.At), Partner: s.Facts.Partner.Door, RememberedAt: utc(s.Facts.Remembered),
		}
		for _, p := range s.Facts.Others {
			one.Proofs = append(one.Proofs, ProofData{Method: string(p.Method), At: p.At.UTC()})
		}
		out.Sessions = append(out.Sessions, one)
	}
	for _, b := range held.Browsers {
		out.KnownBrowsers = append(out.KnownBrowsers, BrowserData{Since: utc(b.Since), UsedAt: utc(b.UsedAt)})
	}
	for _, b := range held.Recalled {
		out.RememberedBrowsers = append(out.RememberedBrowsers, RememberedData{Browser: b.Browser, System: b.System, ProvenAt: utc(b.ProvenAt)})
	}
	return nil
}

func (j *Journey) readPartners(tx *db.Tx, a id.Account, named names, out *Data) error {
	links, err := j.Links.List(tx, a)
	if err != nil {
		return err
	}
	for _, l := range links {
		out.Partners = append(out.Partners, PartnerData{Name: named.partner(l.Issuer), Issuer: l.Issuer, Subject: l.Subject, Since: utc(l.Since), UsedAt: utc(l.UsedAt)})
	}
	blocked, err := j.Links.BlockedSince(tx, a)
	for _, b := range blocked {
		out.BlockedPartners = append(out.BlockedPartners, BlockedData{Name: named.partner(b.Issuer), Issuer: b.Issuer, Since: utc(b.At)})
	}
	return err
}

func (j *Journey) readServices(tx *db.Tx, a id.Account, named names, out *Data) error {
	list, err := j.Connections.List(tx, a)
	if err != nil {
		return err
	}
	for _, c := range list {
		chosen, _, err := j.Owners.Accounts.AddressOf(tx, a, c.Address)
		if err != nil {
			return err
		}
		out.Services = append(out.Services, ServiceData{
			Service: string(c.RelyingParty), Name: named.service(c.RelyingParty), Shared: c.Claims, Address: chosen.Address.Written, Since: utc(c.Since), AgreedAt: utc(c.ConsentedAt), UsedAt: utc(c.LastUsed),
		})
	}
	ids, err := j.Connections.Identifiers(tx, a)
	if err != nil {
		return err
	}
	for _, i := range ids {
		out.Identifiers = append(out.Identifiers, IdentifierData{Sector: i.Sector, Identifier: i.Subject, Since: utc(i.Since), RetiredAt: utc(i.RetiredAt)})
	}
	given, err := j.Grants.Held(tx, a)
	for _, g := range given {
		out.Given = append(out.Given, GivenData{
			Service: string(g.RelyingParty), Name: named.service(g.RelyingParty), Identifier: g.Subject, At: utc(g.At), EndsAt: utc(g.EndsAt), Taken: g.Redeemed,
			RevokedAt: utc(g.RevokedAt), Scopes: g.Scopes, Resources: g.Resources, Details: g.Details, UserInfo: g.UserInfoClaims, IDToken: g.IDTokenClaims, Values: g.Values, Verified: g.Verified, ACR: g.ACR, AMR: g.AMR, SignedInAt: utc(g.AuthTime),
		})
	}
	return err
}

// readRest reads what the account was asked to be, and what was sent to it.
func (j *Journey) readRest(tx *db.Tx, a id.Account, _ names, out *Data) error {
	merges, err := j.Merges.Of(tx, a)
	if err != nil {
		return err
	}
	for _, m := range merges {
		one := MergeData{Other: m.Second, Stays: m.Survivor == a, At: utc(m.At), EndsAt: utc(m.EndsAt), EndedAt: utc(m.EndedAt), Outcome: string(m.Outcome)}
		if !one.Stays {
			one.Other = m.Survivor
		}
		out.Merges = append(out.Merges, one)
	}
	closures, err := account.Closures{}.Of(tx, a)
	if err != nil {
		return err
	}
	for _, c := range closures {
		out.Closures = append(out.Closures, ClosureData{AskedAt: utc(c.At), EndsAt: utc(c.EndsAt), EndedAt: utc(c.EndedAt), Outcome: string(c.Outcome)})
	}
	warnings, err := account.Warnings{}.Of(tx, a)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		out.UnusedWarnings = append(out.UnusedWarnings, WarningData{
			WarnedAt: utc(w.FirstAt), WarnedAgainAt: utc(w.SecondAt), RemovalAt: utc(w.RemovesAt), EndedAt: utc(w.EndedAt), Outcome: string(w.Outcome),
		})
	}
	losses, err := lost.Requests{}.Of(tx, a)
	if err != nil {
		return err
	}
	for _, l := range losses {
		out.LostMethods = append(out.LostMethods, LostData{AskedAt: utc(l.AskedAt), DoneAt: utc(l.DoneAt), EndedAt: utc(l.EndedAt), Outcome: string(l.Outcome)})
	}
	requests, err := j.Requests.Of(tx, a)
	if err != nil {
		return err
	}
	for _, r := range requests {
		out.Requests = append(out.Requests, RequestData{
			Kind: string(r.Kind), Reference: r.Reference, Status: string(r.Status), AskedAt: utc(r.AskedAt), ConfirmedAt: utc(r.ConfirmedAt), EndedAt: utc(r.EndedAt),
		})
	}
	sent, err := j.Owners.Outbox.Held(tx, a)
	for _, s := range sent {
		out.Messages = append(out.Messages, MessageData{Kind: string(s.Kind), Channel: string(s.Channel), Status: s.Status, At: utc(s.At), DoneAt: utc(s.DoneAt)})
	}
	return err
}

// utc is an instant as it stands in the file; zero stays zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// eventOf is an event as its owner may have it: who of the staff did something is theirs.
func eventOf(e audit.Event) Event {
	out := Event{
		At: utc(e.At), Name: string(e.Name), Outcome: e.Outcome, Reason: e.Reason, Service: string(e.RelyingParty),
		IP: e.Personal.IP, UserAgent: e.Personal.UserAgent, Address: e.Personal.Address,
	}
	for k, v := range e.Data {
		if k == "operator" {
			continue
		}
		if out.Data == nil {
			out.Data = map[string]string{}
		}
		out.Data[k] = v
	}
	return out
}
