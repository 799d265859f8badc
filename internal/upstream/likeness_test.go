package upstream

import (
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/i18n"
)

// named are the good settings under other names.
func named(id, en, fr, brand string) Settings {
	s := good()
	s.ID, s.Issuer, s.Name, s.Brand = id, "https://"+id+".example", i18n.Text{"en": en, "fr": fr}, nil
	if brand != "" {
		s.Brand = i18n.Text{"en": brand, "fr": brand}
	}
	return s
}

func TestAPartnerCannotLookLikeAnother(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		file, problems := FromFile([]Settings{named("province", "The Province", "La Province", "MyProvince")})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		st := house(t, d, clock.Now, file...)
		if err := st.Registry.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error {
			return st.Create(tx, named("north", "Northland Bank", "Banque du Northland", ""))
		})
		pretenders := map[string]Settings{
			"the same name":                named("p1", "Northland Bank", "Autre", ""),
			"its other language":           named("p2", "Banque du Northland", "Autre", ""),
			"with other letters":           named("p3", "NorthIand Bank", "Autre", ""),
			"as the brand":                 named("p4", "Elsewhere", "Ailleurs", "NORTHLAND BANK®"),
			"the brand of one of the file": named("p5", "My Province", "Autre", ""),
		}
		for what, s := range pretenders {
			err := d.Write(t.Context(), func(tx *db.Tx) error { return st.Create(tx, s) })
			if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "alike") {
				t.Errorf("%s: %v", what, err)
			}
		}
		write(t, d, func(tx *db.Tx) error {
			return st.Create(tx, named("south", "Southland Bank", "Banque du Southland", ""))
		})
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			return st.Update(tx, named("south", "Northland-Bank", "Autre", ""))
		})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a change into another's name: %v", err)
		}
		// Its own names may be alike, and stay when something else changes.
		write(t, d, func(tx *db.Tx) error {
			return st.Update(tx, named("north", "Northland Bank", "Northland Bank", "Northland bank"))
		})

		again, _ := FromFile([]Settings{named("later", "Northland Bank", "Autre", "")})
		if err := house(t, d, clock.Now, again...).Registry.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "north") {
			t.Errorf("a pretender in the file: %v", err)
		}
		if err := house(t, d, clock.Now, append(again, again[0])...).Registry.Start(t.Context()); err == nil {
			t.Error("two in the file: started")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAWordOfLettersThatLookLikeOthersIsNoName(t *testing.T) {
	s := named("p", "Nоrthland Bank", "Банк Северный", "Bank東京") // a Cyrillic о among Latin letters
	problems := strings.Join(s.Problems(), "\n")
	if !strings.Contains(problems, "name.en") || strings.Contains(problems, "name.fr") || strings.Contains(problems, "brand") {
		t.Errorf("%s", problems)
	}
}
