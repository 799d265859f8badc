package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
)

func TestTheMailboxSaysHowEachMessageCame(t *testing.T) {
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	words, err := newWords(bundle)
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox.Box{}
	at := time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC)
	mails := &notice.Mails{Bundle: bundle, Languages: i18n.Langs(), BaseURL: "http://localhost:8080", Product: i18n.Text{"en": "Parvis", "fr": "Parvis"}, Zone: time.UTC}
	code := notice.OneTimeCode{Code: "402917", Valid: 10 * time.Minute, Asked: notice.Asked{At: at}}
	for c, way := range box.Everyway() {
		l, err := mails.Speak(c, "+14165550142", "en", code)
		if c == notice.Email {
			l, err = mails.Render("sam@example.org", "en", code)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.ID, l.At = "MESSAGE-"+l.ID, at
		if err := way.Deliver(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	v := &viewer{Words: words, Box: box, Clock: &Clock{System: time.Now}, Issuer: "http://localhost:8080", Zone: time.UTC}
	mux := http.NewServeMux()
	v.routes(mux)
	get := func(path string) string {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Body.String()
	}
	var list []entry
	if err := json.Unmarshal([]byte(get("/demo/mailbox.json")), &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]entry{}
	for _, e := range list {
		seen[e.Channel] = e
	}
	if len(list) != 3 || len(seen) != 3 {
		t.Fatalf("%+v", list)
	}
	for _, c := range []string{"text", "voice"} {
		if e := seen[c]; e.To != "+14165550142" || len(e.Codes) != 1 || e.Codes[0] != "402917" || e.Subject != "" || e.Text == "" {
			t.Errorf("%s: %+v", c, e)
		}
	}
	for lang, want := range map[string][]string{"en": {"E-mail", "Text message", "Voice call"}, "fr": {"Courriel", "Message texte", "Appel vocal"}} {
		page := get("/demo/mailbox?lang=" + lang)
		for _, word := range append(want, "Parvis: your one-time code is 402917", "Hello. This is Parvis") {
			if !strings.Contains(page, word) {
				t.Errorf("%s: the list does not say %q", lang, word)
			}
		}
	}
	if page := get("/demo/mailbox/MESSAGE-"); !strings.Contains(page, "402917") {
		t.Error("the message cannot be opened")
	}
}
