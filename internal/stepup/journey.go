package stepup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey proves second steps and sets methods up. All fields are needed. Safe for
// concurrent use.
type Journey struct {
	DB          *db.DB
	Flows       flow.Flows
	Accounts    account.Accounts
	Methods     authenticator.Authenticators
	Apps        totp.Apps
	Codes       otp.Codes
	Phones      phone.Phones
	BackupCodes backupcode.Codes
	Sessions    session.Sessions
	Owners      owner.Owners
	Links       upstream.Links
	Registry    *relyingparty.Registry
	Outbox      *notify.Outbox
	Audit       *audit.Log
	Limiter     *ratelimit.Limiter
	Table       policy.Table
	Name        i18n.Text // the deployment's name, which authenticator apps show

	// Found is called when a method that counts in full was proven: what its owner began
	// because they had lost everything ends (reclaim.Journey.Found).
	Found func(tx *db.Tx, v flow.Visitor, a id.Account) error
}

// scene is what a transaction knows of a request in a flow.
type scene struct {
	flow flow.Flow
	live session.Session
	list []authenticator.Authenticator
	turn flow.Turn
	now  time.Time

	sensitive bool // the best proof that the account can give is due
}

// owner is the account that is signed in.
func (s scene) owner() id.Account { return s.live.Account }

// enter loads a flow and finds what is due of the second step. Out of turn is
// everything before the password, for somebody who is not signed in, and on a
// journey that was given up.
func (j *Journey) enter(tx *db.Tx, v flow.Visitor, fid id.Flow) (scene, error) {
	f, err := j.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return scene{}, err
	}
	p := f.State.Progress
	if f.State.Kind != flow.SignIn || p.Cancelled || p.Task != flow.TaskSignIn {
		return scene{}, flow.OutOfTurn()
	}
	live, list, status, err := j.held(tx, v)
	if err != nil {
		return scene{}, err
	}
	if live.ID == "" || f.State.SelectAccount && !p.Chose(live.ID) && status == account.Active {
		return scene{}, flow.OutOfTurn()
	}
	f.State.Progress.Second = p.Second.Of(live.Account)
	f.State.Progress.Partner = p.Partner.Of(p.Session, live.ID)
	s := scene{flow: f, live: live, list: list, now: tx.Now(), sensitive: f.State.Demand.Sensitive}
	state := f.State
	if status == account.Merged {
		state, s.sensitive = state.Restoring(j.Table), true
	}
	s.turn = state.Turn(j.Table, live.Facts, authenticator.Owned(list), s.now)
	return s, nil
}

// held is the live session of a browser and the methods of its account, for a journey, in
// which the owner of a merged account proves who they are, too; a session without an ID
// when nobody is signed in, or to an account that is to be deleted.
func (j *Journey) held(tx *db.Tx, v flow.Visitor) (session.Session, []authenticator.Authenticator, account.Status, error) {
	live, err := j.Sessions.FindLive(tx, v.Session)
	if err != nil || live.ID == "" {
		return session.Session{}, nil, "", err
	}
	a, found, err := j.Accounts.ByID(tx, live.Account)
	if err != nil || !found || !a.Held() || a.Status == account.Closing {
		return session.Session{}, nil, "", err
	}
	list, err := authenticator.List(tx, live.Account)
	return live, list, a.Status, err
}

// at is enter for a request that is in turn in some kinds of turn only.
func (j *Journey) at(tx *db.Tx, v flow.Visitor, fid id.Flow, kinds ...flow.TurnKind) (scene, error) {
	s, err := j.enter(tx, v, fid)
	if err != nil {
		return scene{}, err
	}
	if !slices.Contains(kinds, s.turn.Kind) {
		return scene{}, flow.OutOfTurn()
	}
	return s, nil
}

// settingUp is enter for a request about a method that is being set up.
func (j *Journey) settingUp(tx *db.Tx, v flow.Visitor, fid id.Flow, methods ...policy.Method) (scene, error) {
	s, err := j.at(tx, v, fid, flow.TurnSetUp)
	if err != nil {
		return scene{}, err
	}
	if !slices.Contains(methods, s.turn.Method) {
		return scene{}, flow.OutOfTurn()
	}
	return s, nil
}

// look reads a scene that is in turn, before the transaction that changes it.
func (j *Journey) look(ctx context.Context, find func(tx *db.Tx) (scene, error)) (scene, error) {
	var s scene
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		s, err = find(tx)
		return err
	})
	if err != nil {
		return scene{}, fmt.Errorf("stepup: %w", err)
	}
	return s, nil
}

// change saves what a request makes of a flow that is in turn.
func (j *Journey) change(ctx context.Context, find func(tx *db.Tx) (scene, error), change func(*scene) error) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := find(tx)
		if err != nil {
			return err
		}
		before := s.flow.State.Progress
		if err := change(&s); err != nil {
			return err
		}
		return j.save(tx, s.flow, before)
	})
	if err != nil {
		return fmt.Errorf("stepup: %w", err)
	}
	return nil
}

// save stores a flow whose progress changed.
func (j *Journey) save(tx *db.Tx, f flow.Flow, before flow.Progress) error {
	if f.State.Progress == before {
		return nil
	}
	_, err := j.Flows.Save(tx, f)
	return err
}

// tell mails the owner of an account.
func (j *Journey) tell(tx *db.Tx, owner id.Account, data notice.Data) error {
	return j.mail(tx, owner, notify.Message{Data: data})
}

// mail sends a message to the owner of an account.
func (j *Journey) mail(tx *db.Tx, owner id.Account, m notify.Message) error {
	a, _, err := j.Accounts.ByID(tx, owner)
	if err != nil {
		return err
	}
	to, err := j.Accounts.Mailbox(tx, owner)
	if err != nil {
		return err
	}
	m.To, m.Locale, m.Account = to.Written, a.Locale, owner
	return j.Outbox.Queue(tx, m)
}

// note records an event about an authenticator.
func (j *Journey) note(tx *db.Tx, e audit.Event, s session.Session, a authenticator.ID, t authenticator.Type) error {
	e.Session = s.ID
	if e.Data == nil {
		e.Data = map[string]string{}
	}
	e.Data["method"], e.Data["type"] = string(a), string(t)
	return j.Audit.Record(tx, e)
}

// inMail is a method as mails name it.
func inMail(t authenticator.Type) notice.Method {
	switch t {
	case authenticator.TOTP:
		return notice.MethodTOTP
	case authenticator.Phone:
		return notice.MethodPhone
	case authenticator.Email:
		return notice.MethodEmail
	case authenticator.BackupCode:
		return notice.MethodBackupCodes
	case authenticator.Passkey:
		return notice.MethodPasskey
	default:
		return notice.MethodOther
	}
}
