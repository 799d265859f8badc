package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/notify/notice"
)

// spoken lets a station send texts and calls, too.
func (s *station) spoken() *station {
	for _, c := range []notice.Channel{notice.Text, notice.Voice} {
		s.worker.Transports[c] = &transport{}
		s.outbox.Channels = append(s.outbox.Channels, c)
	}
	return s
}

// way is the transport of a channel.
func (s *station) way(c notice.Channel) *transport { return s.worker.Transports[c].(*transport) }

func (s *station) code(c notice.Channel) Message {
	m := Message{Channel: c, To: "+14165550142", Locale: "fr", Account: "ACCOUNT", Data: notice.OneTimeCode{
		Code: "402917", Valid: 10 * time.Minute, Asked: notice.Asked{At: s.clock.Now()},
	}}
	if c == notice.Email {
		m.To = "sam@example.org"
	}
	return m
}

func TestEachMessageGoesOutOnItsChannelAndIsThenWiped(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		for _, c := range notice.Channels() {
			s.queue(t, s.code(c))
		}
		for _, r := range s.rows(t) {
			// Sealed bytes are random: a needle of four letters is found in them by chance.
			for _, plain := range []string{"402917", "4165550142", "sam@example"} {
				if strings.Contains(string(r.recipient)+string(r.letter), plain) {
					t.Errorf("%q stands readable", plain)
				}
			}
		}
		s.due(t)
		for _, c := range notice.Channels() {
			got := s.way(c).letters()
			if len(got) != 1 || got[0].Channel != c || got[0].To != s.code(c).To || got[0].Codes[0] != "402917" || got[0].Lang != "fr" {
				t.Fatalf("%s: %+v", c, got)
			}
			if (c == notice.Voice) != (len(got[0].Script) > 0) || (c == notice.Email) != (got[0].HTML != "") {
				t.Errorf("%s: %+v", c, got[0])
			}
			if st := s.worker.Stats(c); st != (Stats{Sent: 1}) {
				t.Errorf("%s: %+v", c, st)
			}
		}
		for _, r := range s.rows(t) {
			if r.status != "sent" || r.recipient != nil || r.letter != nil {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestAChannelWithoutAWayOutIsRefusedWhenItIsAskedFor(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		if !s.outbox.Can(notice.Email) || s.outbox.Can(notice.Text) || s.outbox.Can(notice.Voice) || s.outbox.Can("pigeon") {
			t.Error("the outbox says that it can do what it cannot")
		}
		try := func(m Message) error {
			return s.db.Write(t.Context(), func(tx *db.Tx) error { return s.outbox.Queue(tx, m) })
		}
		if err := try(s.code(notice.Text)); !errors.Is(err, notice.ErrChannel) {
			t.Error(err)
		}
		s.spoken()
		if !s.outbox.Can(notice.Text) || !s.outbox.Can(notice.Voice) {
			t.Error("the outbox does not know its ways")
		}
		unfit := s.code(notice.Text)
		unfit.Data = notice.Locked{Failures: 5}
		if err := try(unfit); !errors.Is(err, notice.ErrChannel) {
			t.Error(err)
		}
		for _, bad := range []string{"", "4165550142", "+0416555014", "+1416555", "+1416555014212345", "+1 416 555 0142", "+1416555014a", "sam@example.org", "+1416\r\n5550142", "+１４１６５５５０１４２"} {
			m := s.code(notice.Voice)
			m.To = bad
			if err := try(m); bad != "+1416555" && !errors.Is(err, notice.ErrAddress) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

func TestAProviderOfTextsThatHangsDoesNotDelayAMail(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		hung := make(chan struct{})
		var waiting atomic.Int64
		s.way(notice.Text).answers(func(notice.Letter) error { waiting.Add(1); <-hung; return nil })
		for range s.worker.Settings.Workers + 3 {
			s.queue(t, s.code(notice.Text))
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.worker.Run(ctx); close(ended) }()
		eventually(t, func() bool { return waiting.Load() == int64(s.worker.Settings.Workers) })
		s.queue(t, s.mail("t"))
		s.queue(t, s.code(notice.Voice))
		// Both go out while the provider of texts still hangs.
		eventually(t, func() bool { return len(s.out.letters()) == 1 && len(s.way(notice.Voice).letters()) == 1 })
		close(hung)
		stop()
		<-ended
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for range 12_000 { // a minute: deliveries wait for a busy machine and its disk
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it never happened")
}

func TestAnExpiredCodeIsNeverSent(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		var tries int
		s.way(notice.Text).answers(func(notice.Letter) error { tries++; return Later("503", errors.New("not now")) })
		s.queue(t, s.code(notice.Text))
		for range 12 * 12 {
			s.due(t)
			s.clock.Advance(5 * time.Second)
		}
		if tries < 5 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		seen := tries
		s.way(notice.Text).answers(nil)
		s.due(t)
		if r := s.only(t); r.status != "expired" || r.letter != nil || r.recipient != nil || len(s.way(notice.Text).letters()) != 0 || tries != seen {
			t.Errorf("%+v", r)
		}
		// nobody serves the channel any more: its messages end, too
		s.queue(t, s.code(notice.Text))
		delete(s.worker.Transports, notice.Text)
		s.clock.Advance(10 * time.Minute)
		s.due(t)
		if err := s.worker.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.rows(t) {
			if r.status != "expired" || r.letter != nil {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestATimeThatTheOtherSideAsksForIsWaited(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		var at []time.Time
		s.way(notice.Text).answers(func(notice.Letter) error {
			at = append(at, s.clock.Now())
			if len(at) < 3 {
				return &DeliveryError{Down: len(at) == 2, After: 90 * time.Second, Code: "429", Err: errors.New("too many")}
			}
			return nil
		})
		s.queue(t, s.code(notice.Text))
		for range 4 * 60 {
			s.due(t)
			s.clock.Advance(time.Second)
			if len(at) == 2 {
				if after := time.Duration(s.worker.text.after.Load()); after != 90*time.Second {
					t.Errorf("the lane waits %v", after)
				}
			}
		}
		if len(at) != 3 {
			t.Fatalf("%d tries", len(at))
		}
		for i := 1; i < 3; i++ {
			if pause := at[i].Sub(at[i-1]); pause < 90*time.Second || pause > 92*time.Second {
				t.Errorf("pause %v", pause)
			}
		}
		if s.worker.text.after.Load() != 0 || s.worker.Stats(notice.Text).Down != 0 || s.worker.Stats(notice.Email).Down != 0 {
			t.Error("the lane still waits")
		}
	})
}

func TestANumberThatTakesNoMessagesIsReportedInTheTransactionThatEndsTheMessage(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		var told []StoppedNumber
		s.worker.Stopped = func(_ *db.Tx, n StoppedNumber) error { told = append(told, n); return nil }
		s.way(notice.Text).answers(func(notice.Letter) error {
			return &DeliveryError{Permanent: true, Number: NumberStopped, Code: "21610", Err: errors.New("to +14165550142: STOP")}
		})
		s.queue(t, s.code(notice.Text))
		s.due(t)
		want := StoppedNumber{Account: "ACCOUNT", Channel: notice.Text, Number: "+14165550142", State: NumberStopped}
		if len(told) == 0 || told[len(told)-1] != want { // dbtest runs each closure twice
			t.Errorf("%+v", told)
		}
		if text := fmt.Sprint(want.LogValue()); strings.Contains(text, "4165") {
			t.Errorf("the log would hold %s", text)
		}
		if r := s.only(t); r.status != "failed" || r.result != "21610" || r.letter != nil {
			t.Errorf("%+v", r)
		}
		var events int64
		err := s.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND account = $2 AND reason = $3`,
				audit.TextRefused, "ACCOUNT", "21610").Scan(&events)
		})
		if err != nil || events != 1 {
			t.Errorf("%d events, %v", events, err)
		}
		// what cannot be recorded has not happened: the message stays, leased
		s.worker.Stopped = func(*db.Tx, StoppedNumber) error { return errors.New("the number cannot be marked") }
		s.queue(t, s.code(notice.Text))
		s.due(t)
		if rows := s.rows(t); rows[1].status != "ready" && rows[0].status != "ready" {
			t.Errorf("%+v", rows)
		}
	})
}

func TestANodeOfTheVersionBeforeLeavesTextsAlone(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.spoken()
		s.queue(t, s.code(notice.Text))
		err := s.db.WriteStatement(t.Context(), func(tx *db.Tx) error {
			// as that version claims, and as it queues
			n, err := tx.Exec(`UPDATE outbox SET due_at = $1, attempts = attempts + 1
				WHERE status = 'waiting' AND due_at <= $2 AND id IN (
					SELECT id FROM outbox WHERE status = 'waiting' AND due_at <= $2 ORDER BY priority, due_at LIMIT 4)`, 1, db.Millis(tx.Now()))
			if n != 0 {
				t.Errorf("it took %d texts for mails", n)
			}
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO outbox (id, kind, priority, recipient, letter, status, attempts, due_at, created_at, expires_at)
				VALUES ('OLD', 'activated', 2, $1, $2, 'waiting', 0, $3, $3, $4)`,
				s.outbox.Keys.Seal("outbox", "recipient", "OLD", []byte("old@example.org")),
				s.outbox.Keys.Seal("outbox", "letter", "OLD", []byte(`{"lang":"en","subject":"Hello","text":"Hello"}`)),
				db.Millis(tx.Now()), db.Millis(tx.Now().Add(time.Hour)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.due(t)
		if got := s.out.letters(); len(got) != 1 || got[0].To != "old@example.org" || got[0].Channel != notice.Email {
			t.Errorf("its mail: %+v", got)
		}
		if got := s.way(notice.Text).letters(); len(got) != 1 {
			t.Errorf("our text: %+v", got)
		}
	})
}
