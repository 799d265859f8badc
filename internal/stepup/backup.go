package stepup

import (
	"context"
	"fmt"
	"strings"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
)

// Backup are the backup codes that are being set up, as people write them down. The
// same until they are bound or left.
func (j *Journey) Backup(ctx context.Context, v flow.Visitor, fid id.Flow) ([]string, error) {
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.Backup) }
	s, err := j.drafted(ctx, find, strings.Join(j.BackupCodes.Make(), " "))
	if err != nil {
		return nil, err
	}
	var out []string
	for code := range strings.FieldsSeq(s.flow.State.Progress.Second.Draft) {
		out = append(out, backupcode.Grouped(code))
	}
	return out, nil
}

// Remind takes the answer of somebody who was asked whether their backup codes are
// still at hand; without them a new set is offered at once. Fault Conflict when that
// was not asked.
func (j *Journey) Remind(ctx context.Context, v flow.Visitor, fid id.Flow, atHand bool) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.at(tx, v, fid, flow.TurnRemind)
		if err != nil {
			return err
		}
		if err := j.BackupCodes.Reminded(tx, s.owner()); err != nil {
			return err
		}
		before := s.flow.State.Progress
		second := &s.flow.State.Progress.Second
		second.Remind = false
		if !atHand {
			second.Wants, second.SetUp, second.Draft = true, policy.Backup, ""
		}
		return j.save(tx, s.flow, before)
	})
	if err != nil {
		return fmt.Errorf("stepup: remind: %w", err)
	}
	return nil
}

// BindBackup makes the codes the account's, in place of an older set. They are not
// proven by that: where a service demands more, one of them is asked for next, so
// that nobody goes on with codes that were not kept.
func (j *Journey) BindBackup(ctx context.Context, v flow.Visitor, fid id.Flow) (Result, error) {
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.Backup) }
	s, err := j.look(ctx, find)
	if err != nil {
		return Result{}, err
	}
	draft := s.flow.State.Progress.Second.Draft
	codes := strings.Fields(draft)
	if len(codes) == 0 {
		return Result{}, flow.OutOfTurn()
	}
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.SetUpAccount, string(s.owner())); err != nil {
		return Result{}, err
	}
	set, err := j.BackupCodes.Draft(ctx, codes)
	if err != nil {
		return Result{}, fmt.Errorf("stepup: backup codes: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := find(tx)
		if err != nil {
			return err
		}
		if s.flow.State.Progress.Second.Draft != draft {
			return flow.OutOfTurn()
		}
		replaced := len(authenticator.Of(s.list, authenticator.BackupCode)) > 0
		if err := j.BackupCodes.Store(tx, s.owner(), set); err != nil {
			return err
		}
		e := s.flow.Event(audit.BackupCodesMade, v, s.owner(), "")
		e.Data = map[string]string{"codes": fmt.Sprint(len(codes))}
		if err := j.note(tx, e, s.live, set.ID, authenticator.BackupCode); err != nil {
			return err
		}
		return j.bound(tx, v, s, binding{
			method: policy.Backup, authenticator: set.ID,
			told: notice.BackupCodesMade{Count: len(codes), Replaced: replaced, Asked: notice.AskedBy(v.UserAgent, tx.Now())},
		})
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: backup codes: %w", err)
	}
	return Result{Outcome: Done}, nil
}
