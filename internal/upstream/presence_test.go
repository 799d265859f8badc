package upstream

import "testing"

func TestANoticeMeansWhatCannotBeToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		d    Departure
		p    Presence
		want bool
	}{
		"each of the person":         {Departure{Subject: "a"}, Presence{Subject: "a", Index: "1"}, true},
		"somebody else":              {Departure{Subject: "a"}, Presence{Subject: "b"}, false},
		"this session":               {Departure{Subject: "a", Indexes: []string{"0", "1"}}, Presence{Subject: "a", Index: "1"}, true},
		"another session":            {Departure{Subject: "a", Indexes: []string{"0"}}, Presence{Subject: "a", Index: "1"}, false},
		"a session of no name":       {Departure{Subject: "a", Indexes: []string{"0"}}, Presence{Subject: "a"}, true},
		"nothing is known":           {Departure{Subject: "a", Indexes: []string{"0"}}, Presence{}, true},
		"a session, and no person":   {Departure{Indexes: []string{"1"}}, Presence{Subject: "a", Index: "1"}, true},
		"somebody else's, no person": {Departure{Indexes: []string{"0"}}, Presence{Subject: "a", Index: "1"}, false},
	} {
		if got := c.d.Means(c.p); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestASessionOfOnePartnerIsNotFoundAsAnothers(t *testing.T) {
	if Key("bank", "") != "" || Key("bank", "1") == Key("ban", "k1") || Key("bank", "1") == Key("bank", "2") {
		t.Error("two sessions have one key")
	}
	text, err := Presence{}.Text()
	if p, e := ReadPresence(text); err != nil || e != nil || text != "" || p != (Presence{}) {
		t.Errorf("%q %v %v", text, err, e)
	}
	if _, err := ReadPresence("{"); err == nil {
		t.Error("garbage is read")
	}
}
