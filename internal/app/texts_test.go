package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/notify/sms"
)

func TestACodeGoesFromTheOutboxToTheProviderAndTheLogHoldsNeitherCodeNorNumber(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusInternalServerError)
	received := make(chan string, 10)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"error":"broken","message":"to +1 (416) 555-0142, 14165550142: 402917?"}`)
	}))
	t.Cleanup(provider.Close)
	var log bytes.Buffer
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	h := houseWith(t, func(c *config.Config, o *Options) {
		c.Mail.Server.Host = "127.0.0.1"
		c.Texts = sms.Settings{Provider: sms.Webhook, URL: provider.URL, Key: strings.Repeat("k", 32)}
		c.Outbound.Allow = []string{"127.0.0.1"}
		o.Transports, o.Log = nil, slog.New(slog.NewJSONHandler(&log, nil))
		o.Now = func() time.Time { return now }
	})
	if _, err := h.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !h.Outbox.Can(notice.Text) || h.Outbox.Can(notice.Voice) || !h.Outbox.Can(notice.Email) {
		t.Error("the outbox does not know its ways")
	}
	err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
		return h.Outbox.Queue(tx, notify.Message{Channel: notice.Text, To: "+14165550142", Locale: "fr", Data: notice.OneTimeCode{
			Code: "402917", Valid: 10 * time.Minute, Asked: notice.Asked{At: now},
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []int64{http.StatusTooManyRequests, http.StatusNoContent} {
		if err := h.Worker.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if body := <-received; !strings.Contains(body, "code à usage unique est 402917") {
			t.Errorf("the provider received %s", body)
		}
		status.Store(next)
		now = now.Add(time.Minute)
	}
	if err := h.Worker.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := h.Worker.Stats(notice.Text); st.Sent != 1 || st.Retried != 2 || st.Down != 0 {
		t.Errorf("%+v", st)
	}
	for _, word := range []string{"402917", "4165550142", "555-0142"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log holds %s:\n%s", word, log.String())
		}
	}
	if !strings.Contains(log.String(), "broken") {
		t.Errorf("the log does not say why:\n%s", log.String())
	}
}

func TestWithoutAProviderOnlyMailIsOffered(t *testing.T) {
	h := houseWith(t, func(c *config.Config, o *Options) {
		c.Mail.Server.Host = "127.0.0.1"
		o.Transports = nil
	})
	if h.Outbox.Can(notice.Text) || h.Outbox.Can(notice.Voice) || !h.Outbox.Can(notice.Email) {
		t.Error("a channel is offered that has no way out")
	}
}

func TestANumberWhoseOwnerAnsweredStopIsMarkedWhenTheProviderSaysSo(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"error":"stopped"}`)
	}))
	t.Cleanup(provider.Close)
	h := houseWith(t, func(c *config.Config, o *Options) {
		c.Mail.Server.Host = "127.0.0.1"
		c.Texts = sms.Settings{Provider: sms.Webhook, URL: provider.URL, Key: strings.Repeat("k", 32)}
		c.Outbound.Allow = []string{"127.0.0.1"}
		o.Transports = nil
	})
	if _, err := h.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	number, err := h.Phones.Settings.Parse("+14165550142", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is no news
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			return h.Outbox.Queue(tx, notify.Message{Channel: notice.Text, To: number.E164(), Account: "ACCOUNT", Data: notice.OneTimeCode{
				Code: "402917", Valid: 10 * time.Minute, Asked: notice.Asked{At: tx.Now()},
			}})
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Worker.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var stopped bool
	var events int64
	err = h.DB.Read(t.Context(), func(tx *db.Tx) error {
		var err error
		stopped, err = h.Phones.Stopped(tx, number)
		if err != nil {
			return err
		}
		return tx.QueryRow(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND account = $2`, audit.PhoneStopped, "ACCOUNT").Scan(&events)
	})
	if err != nil || !stopped || events != 1 {
		t.Errorf("stopped %v, %d events, %v", stopped, events, err)
	}
	if st := h.Worker.Stats(notice.Text); st.Failed != 2 || st.Retried != 0 {
		t.Errorf("%+v", st)
	}
}
