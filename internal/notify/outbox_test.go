package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// station is an outbox and a worker on one database, with a transport that does as it is told.
type station struct {
	db     *db.DB
	clock  *dbtest.Clock
	outbox *Outbox
	worker *Worker
	out    *transport
}

// transport answers each delivery with answer's error and keeps what it accepted.
type transport struct {
	mu     sync.Mutex
	sent   []notice.Letter
	answer func(notice.Letter) error
}

func (t *transport) Deliver(_ context.Context, l notice.Letter) error {
	t.mu.Lock()
	answer := t.answer
	t.mu.Unlock()
	if answer != nil {
		if err := answer(l); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, l)
	return nil
}

func (t *transport) answers(f func(notice.Letter) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = f
}

func (t *transport) letters() []notice.Letter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]notice.Letter(nil), t.sent...)
}

func stations(t *testing.T, test func(t *testing.T, s *station)) {
	t.Helper()
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newStation(t, d, clock)) }, dbtest.WithClock(clock.Now))
}

func newStation(t *testing.T, d *db.DB, clock *dbtest.Clock) *station {
	t.Helper()
	keys := sampleKeys(t)
	settings := Preset("parvis")
	out := &transport{}
	bell := NewBell()
	quiet := slog.New(slog.DiscardHandler)
	return &station{
		db: d, clock: clock, out: out,
		outbox: &Outbox{Keys: keys, Mails: sampleMails(t), Settings: settings, Bell: bell},
		worker: &Worker{
			DB: d, Keys: keys, Transports: map[notice.Channel]Transport{notice.Email: out}, Settings: settings, Bell: bell, Log: quiet,
			Audit: &audit.Log{DB: d, Keys: keys, Settings: audit.Preset("parvis"), Logger: quiet},
		},
	}
}

func (s *station) queue(t *testing.T, m Message) {
	t.Helper()
	if err := s.db.Write(t.Context(), func(tx *db.Tx) error { return s.outbox.Queue(tx, m) }); err != nil {
		t.Fatal(err)
	}
}

func (s *station) due(t *testing.T) {
	t.Helper()
	if err := s.worker.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// row is what the table holds of the only mail.
type row struct {
	status, result, account, once string
	recipient, letter             []byte
	attempts                      int64
	done                          time.Time
}

func (s *station) rows(t *testing.T) []row {
	t.Helper()
	var list []row
	err := s.db.Read(t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT status, result, account, once, recipient, letter, attempts, done_at FROM outbox ORDER BY created_at, id`)
		list, err = db.Collect(rows, err, func(r *db.Rows) (row, error) {
			var v row
			err := r.Scan(&v.status, db.ScanText(&v.result), db.ScanText(&v.account), db.ScanText(&v.once), &v.recipient, &v.letter, &v.attempts, db.NullTime(&v.done))
			return v, err
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (s *station) only(t *testing.T) row {
	t.Helper()
	list := s.rows(t)
	if len(list) != 1 {
		t.Fatalf("%d rows, want one", len(list))
	}
	return list[0]
}

func (s *station) mail(token string) Message {
	return Message{To: "Sam@Example.org", Locale: "fr", Account: "ACCOUNT", Data: notice.ResetPassword{
		Proof: notice.Proof{Token: token, Code: "402917", Valid: 30 * time.Minute}, Asked: notice.Asked{At: s.clock.Now()},
	}}
}

func TestAMailIsDeliveredAsItWasRenderedAndThenWiped(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.queue(t, s.mail("token-of-the-mail"))
		waiting := s.only(t)
		for name, sealed := range map[string][]byte{"recipient": waiting.recipient, "letter": waiting.letter} {
			for _, plain := range []string{"example.org", "Sam@Example", "402917", "402 917", "token-of-the-mail", "Parvis"} {
				if len(sealed) == 0 || bytes.Contains(sealed, []byte(plain)) {
					t.Errorf("%s is not sealed: it holds %q", name, plain)
				}
			}
		}
		s.due(t)
		sent := s.out.letters()
		if len(sent) != 1 {
			t.Fatalf("%d letters", len(sent))
		}
		want, err := s.outbox.Mails.Render("Sam@Example.org", "fr", s.mail("token-of-the-mail").Data)
		if err != nil {
			t.Fatal(err)
		}
		got := sent[0]
		if got.To != want.To || got.Subject != want.Subject || got.Text != want.Text || got.HTML != want.HTML || got.Lang != "fr" ||
			got.Codes[0] != "402917" || got.Links[0] != want.Links[0] || !got.At.Equal(s.clock.Now()) || got.ID == "" {
			t.Errorf("delivered %+v", got)
		}
		done := s.only(t)
		if done.status != "sent" || done.recipient != nil || done.letter != nil || done.done.IsZero() {
			t.Errorf("the row after delivery: %+v", done)
		}
		s.due(t)
		if len(s.out.letters()) != 1 {
			t.Error("delivered twice")
		}
		if st := s.worker.Stats(notice.Email); st != (Stats{Sent: 1}) {
			t.Errorf("%+v", st)
		}
	})
}

func TestAMailOfARolledBackTransactionIsNeverSent(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		refuse := errors.New("no")
		err := s.db.Write(t.Context(), func(tx *db.Tx) error {
			if err := s.outbox.Queue(tx, s.mail("t")); err != nil {
				return err
			}
			return refuse
		})
		if !errors.Is(err, refuse) {
			t.Fatal(err)
		}
		select {
		case <-s.outbox.Bell[notice.Email]:
			t.Error("the bell rang")
		default:
		}
		s.due(t)
		if n := len(s.out.letters()); n != 0 || len(s.rows(t)) != 0 {
			t.Errorf("%d letters", n)
		}
	})
}

func TestAMailThatIsRefusedForGoodIsWipedAndRecorded(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.out.answers(func(notice.Letter) error { return Refused("550 5.1.1", errors.New("no such mailbox")) })
		s.queue(t, s.mail("t"))
		s.due(t)
		r := s.only(t)
		if r.status != "failed" || r.result != "550 5.1.1" || r.recipient != nil || r.letter != nil {
			t.Errorf("%+v", r)
		}
		var events int64
		err := s.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND account = $2 AND reason = $3`,
				audit.MailRefused, "ACCOUNT", "550 5.1.1").Scan(&events)
		})
		if err != nil || events != 1 {
			t.Errorf("%d events, %v", events, err)
		}
		if st := s.worker.Stats(notice.Email); st.Failed != 1 || st.Sent != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestATransportThatPanicsEndsTheMailAndNotTheNode(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.out.answers(func(notice.Letter) error { panic("out of range") })
		s.queue(t, s.mail("t"))
		s.due(t)
		if r := s.only(t); r.status != "failed" || r.result != "panic" {
			t.Errorf("%+v", r)
		}
	})
}

func TestTheLogHoldsNoAddressAndNoWordOfAMail(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		var log bytes.Buffer
		s.worker.Log = slog.New(slog.NewJSONHandler(&log, nil))
		words := errors.New("rcpt to <Sam@Example.org>: 550 5.1.1 'sam@example.org' unknown, rené@exämple.ca too")
		for _, answer := range []error{Refused("550 5.1.1", words), Later("451", words), Down("421", words), words} {
			s.out.answers(func(notice.Letter) error { return answer })
			s.queue(t, s.mail("secret-token"))
			s.due(t)
			s.worker.Log.Info("a letter", "letter", notice.Letter{ID: "ID", To: "sam@example.org", Text: "402917"}, "mail", s.mail("secret-token"))
		}
		text := strings.ToLower(log.String())
		for _, personal := range []string{"sam@", "rené", "example.org", "exämple", "402917", "402 917", "secret-token"} {
			if strings.Contains(strings.ReplaceAll(text, "5.1.1", ""), personal) {
				t.Errorf("the log holds %q:\n%s", personal, text)
			}
		}
		if strings.Count(text, "(address)") < 6 {
			t.Errorf("the log says too little:\n%s", text)
		}
	})
}

func TestAMailUnderAForeignKeyIsNeitherSentNorTriedForEver(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.queue(t, s.mail("t"))
		err := s.db.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE outbox SET letter = $1`, []byte("\x01garbage"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.due(t)
		if r := s.only(t); r.status != "failed" || r.result != "unreadable" || len(s.out.letters()) != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAMailThatMayPassIsTriedAgainWithGrowingPauses(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		var at []time.Time
		s.out.answers(func(notice.Letter) error {
			at = append(at, s.clock.Now())
			if len(at) == 8 {
				return nil
			}
			return Later("451", errors.New("greylisted"))
		})
		s.queue(t, s.mail("t"))
		for range 10 * 60 {
			s.due(t)
			s.clock.Advance(time.Second)
		}
		if len(at) != 8 || s.only(t).status != "sent" {
			t.Fatalf("%d tries, %+v", len(at), s.only(t))
		}
		want := []time.Duration{5, 10, 20, 40, 80, 120, 120}
		for i, w := range want {
			got := at[i+1].Sub(at[i])
			if got < w*time.Second*4/5-time.Second || got > w*time.Second*6/5+2*time.Second {
				t.Errorf("pause %d: %v, want about %d s", i+1, got, w)
			}
		}
	})
}

func TestAnExpiredMailIsWipedAndNotSent(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.out.answers(func(notice.Letter) error { return Down("connect", errors.New("refused")) })
		s.queue(t, s.mail("t")) // its proof works for 30 minutes
		early := s.mail("t")
		early.Expires = s.clock.Now().Add(time.Minute)
		s.queue(t, early)
		s.due(t)
		s.clock.Advance(2 * time.Minute)
		s.due(t)
		s.clock.Advance(28 * time.Minute)
		s.out.answers(nil)
		s.due(t)
		for _, r := range s.rows(t) {
			if r.status != "expired" || r.recipient != nil || r.letter != nil || r.done.IsZero() {
				t.Errorf("%+v", r)
			}
		}
		if len(s.out.letters()) != 0 || s.worker.Stats(notice.Email).Expired != 2 {
			t.Errorf("%d letters, %+v", len(s.out.letters()), s.worker.Stats(notice.Email))
		}
	})
}

func TestAnHourWithoutAMailServerLosesNothing(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.out.answers(func(notice.Letter) error { return Down("connect", errors.New("refused")) })
		note := Message{To: "sam@example.org", Locale: "en", Data: notice.Unlocked{Asked: notice.Asked{At: s.clock.Now()}}}
		for range 5 {
			s.queue(t, note)
		}
		for range 60 {
			s.due(t)
			s.clock.Advance(time.Minute)
		}
		b, err := s.worker.Backlog(t.Context(), notice.Email)
		if err != nil || b.Waiting != 5 || b.Oldest != time.Hour {
			t.Fatalf("%+v, %v", b, err)
		}
		if s.worker.Stats(notice.Email).Down == 0 {
			t.Error("nobody is told that the way out is closed")
		}
		s.out.answers(nil)
		s.clock.Advance(10 * time.Second)
		s.due(t)
		if n := len(s.out.letters()); n != 5 {
			t.Errorf("%d of 5 mails came through", n)
		}
		if b, err := s.worker.Backlog(t.Context(), notice.Email); err != nil || b != (Backlog{}) || s.worker.Stats(notice.Email).Down != 0 {
			t.Errorf("%+v %+v %v", b, s.worker.Stats(notice.Email), err)
		}
	})
}

func TestSeveralNodesDeliverEachMailOnce(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		other := newStation(t, dbtest.Second(t, s.db, dbtest.WithClock(s.clock.Now)), s.clock)
		other.worker.Transports[notice.Email] = s.out
		for range 60 {
			s.queue(t, s.mail("t"))
		}
		var wg sync.WaitGroup
		for _, w := range []*Worker{s.worker, other.worker, s.worker, other.worker} {
			wg.Go(func() {
				if err := w.RunDue(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seen := map[id.Message]int{}
		for _, l := range s.out.letters() {
			seen[l.ID]++
		}
		if len(seen) != 60 || len(s.out.letters()) != 60 {
			t.Errorf("%d mails, %d deliveries", len(seen), len(s.out.letters()))
		}
	})
}

func TestTheMailOfADeadNodeIsTakenOverWhenItsLeaseEnds(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.queue(t, s.mail("t"))
		taken, err := s.worker.email.claim(t.Context(), s.worker, 1)
		if err != nil || len(taken) != 1 {
			t.Fatal(taken, err)
		}
		s.due(t)
		if len(s.out.letters()) != 0 {
			t.Fatal("a leased mail was taken")
		}
		s.clock.Advance(s.worker.Settings.Lease)
		s.due(t)
		if len(s.out.letters()) != 1 {
			t.Fatal("the mail was lost with its node")
		}
		s.worker.deliver(t.Context(), taken[0]) // the node was only slow
		if st := s.worker.Stats(notice.Email); st.Lost != 1 {
			t.Errorf("%+v", st)
		}
		if r := s.only(t); r.status != "sent" || r.attempts != 2 {
			t.Errorf("%+v", r)
		}
	})
}

func TestWhatSomebodyWaitsForGoesFirst(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.worker.Settings.Workers = 1
		s.queue(t, Message{To: "a@example.org", Locale: "en", Data: notice.Activated{}})
		s.queue(t, Message{To: "b@example.org", Locale: "en", Data: notice.Locked{Failures: 5, Asked: notice.Asked{At: s.clock.Now()}}})
		s.queue(t, s.mail("t"))
		s.due(t)
		var order []string
		for _, l := range s.out.letters() {
			order = append(order, string(l.Kind))
		}
		if got := strings.Join(order, " "); got != "reset-password locked activated" {
			t.Error(got)
		}
	})
}

func TestAMailThatIsToldOnceIsQueuedOnce(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		m := Message{To: "a@example.org", Locale: "en", Once: "lock 1", Data: notice.Locked{Failures: 5, Asked: notice.Asked{At: s.clock.Now()}}}
		s.queue(t, m)
		s.queue(t, m)
		s.due(t)
		s.queue(t, m)
		s.due(t)
		if n := len(s.out.letters()); n != 1 {
			t.Errorf("told %d times", n)
		}
		if strings.Contains(s.only(t).once, "lock") {
			t.Error("the value stands in the clear")
		}
		m.Once = "lock 2"
		s.queue(t, m)
		s.due(t)
		if n := len(s.out.letters()); n != 2 {
			t.Errorf("another lock was told %d times", n-1)
		}
	})
}

func TestAnAccountsWaitingMailsCanBeWiped(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.queue(t, s.mail("t"))
		other := s.mail("t")
		other.Account = "OTHER"
		s.queue(t, other)
		var n int64
		err := s.db.Write(t.Context(), func(tx *db.Tx) error {
			var err error
			n, err = s.outbox.Cancel(tx, "ACCOUNT")
			return err
		})
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		s.due(t)
		if len(s.out.letters()) != 1 {
			t.Errorf("%d letters", len(s.out.letters()))
		}
		for _, r := range s.rows(t) {
			if r.letter != nil || r.recipient != nil || (r.account == "ACCOUNT") != (r.status == "cancelled") {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestRecordsOfFinishedMailsAreDeletedInTime(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		s.queue(t, s.mail("t"))
		s.due(t)
		s.clock.Advance(s.worker.Settings.Keep - time.Second)
		if err := s.worker.Purge(t.Context()); err != nil || len(s.rows(t)) != 1 {
			t.Fatal(err, s.rows(t))
		}
		s.queue(t, s.mail("t")) // still waiting: stays
		s.clock.Advance(2 * time.Second)
		if err := s.worker.Purge(t.Context()); err != nil || s.only(t).status != "waiting" {
			t.Error(err, s.rows(t))
		}
	})
}

func TestARunningWorkerIsWokenByTheCommitAndStopsWithItsContext(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		s.worker.email.after.Store(int64(time.Hour)) // when it would look without its bell
		go func() { s.worker.Run(ctx); close(ended) }()
		time.Sleep(50 * time.Millisecond) // it waits for its bell now
		arrived := make(chan struct{})
		s.out.answers(func(notice.Letter) error { close(arrived); return nil })
		s.queue(t, s.mail("t"))
		select {
		case <-arrived:
		case <-time.After(time.Minute):
			t.Error("the worker was not woken")
		}
		stop()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the worker does not stop")
		}
	})
}

func TestAWorkerDeliversNoMoreAtOnceThanItMayAndProbesOneByOneWhileTheWayOutIsClosed(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		var now, most, calls atomic.Int64
		s.out.answers(func(notice.Letter) error {
			calls.Add(1)
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			for range 1000 { // a busy machine may take its time to begin the second one
				if time.Sleep(20 * time.Millisecond); most.Load() > 1 {
					break
				}
			}
			now.Add(-1)
			return nil
		})
		for range 20 {
			s.queue(t, s.mail("t"))
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		go func() {
			for calls.Load() < 20 && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			stop()
		}()
		s.worker.Run(ctx)
		if calls.Load() != 20 || most.Load() > int64(s.worker.Settings.Workers) || most.Load() < 2 {
			t.Errorf("%d calls, %d at once", calls.Load(), most.Load())
		}
		s.worker.email.down.Store(3)
		s.queue(t, s.mail("t"))
		s.queue(t, s.mail("t"))
		if got := s.worker.email.take(t.Context(), s.worker, 4); len(got) != 1 {
			t.Errorf("claimed %d while the way out is closed", len(got))
		}
	})
}

func TestAnAddressThatCouldBreakAHeaderIsRefusedBeforeItIsQueued(t *testing.T) {
	stations(t, func(t *testing.T, s *station) {
		m := s.mail("t")
		m.To = "sam@example.org\r\nBcc: everybody@example.org"
		err := s.db.Write(t.Context(), func(tx *db.Tx) error { return s.outbox.Queue(tx, m) })
		if !errors.Is(err, notice.ErrAddress) || len(s.rows(t)) != 0 {
			t.Errorf("%v, %d rows", err, len(s.rows(t)))
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	m := sampleMails(b)
	data := notice.Locked{Failures: 5, Asked: notice.Asked{At: time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC)}}
	dbtest.EachB(b, func(b *testing.B, d *db.DB) {
		o := &Outbox{Keys: sampleKeys(b), Mails: m, Settings: Preset("parvis"), Bell: NewBell()}
		for b.Loop() {
			err := d.Write(b.Context(), func(tx *db.Tx) error {
				return o.Queue(tx, Message{To: "sam@example.org", Locale: string(i18n.French), Data: data})
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
