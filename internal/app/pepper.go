package app

import (
	"slices"

	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/secret"
)

// Peppers tells what in the database needs which pepper.
type Peppers struct{ Keys *secret.Keys }

// Use is how much was made with a pepper.
type Use struct {
	Passwords   int64 `json:"passwords"`
	BackupCodes int64 `json:"backup_codes"` // sets of them
}

// Any reports whether anything was.
func (u Use) Any() bool { return u.Passwords+u.BackupCodes > 0 }

// Needed are the ids of the peppers that something was made with; "" stands for
// what was made before there were ids.
func (p Peppers) Needed(tx *db.Tx) ([]string, error) {
	passwords, err := password.Passwords{Keys: p.Keys}.Peppers(tx)
	if err != nil {
		return nil, err
	}
	codes, err := backupcode.Codes{Keys: p.Keys}.Peppers(tx)
	if err != nil {
		return nil, err
	}
	all := append(passwords, codes...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Use is how much was made with a pepper.
func (p Peppers) Use(tx *db.Tx, pepper string) (Use, error) {
	passwords, err := password.Passwords{Keys: p.Keys}.Count(tx, pepper)
	if err != nil {
		return Use{}, err
	}
	codes, err := backupcode.Codes{Keys: p.Keys}.Count(tx, pepper)
	return Use{Passwords: passwords, BackupCodes: codes}, err
}
