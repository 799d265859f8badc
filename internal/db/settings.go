package db

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Settings say where the database is and how long work may wait for it.
type Settings struct {
	// URL of the database: "sqlite:/var/lib/parvis/parvis.db" for one node, or
	// "postgres://parvis@db.example.org/parvis" for several.
	URL string `yaml:"url" secret:"true"`
	// Connections is how many may read at once on SQLite, and the size of the
	// connection pool on PostgreSQL.
	Connections int `yaml:"connections"`
	// WaitTimeout is how long a request waits for its turn or for a connection
	// before it is answered "try again".
	WaitTimeout time.Duration `yaml:"wait_timeout"`
	// TransactionTimeout is how long one transaction may run before it is rolled back.
	TransactionTimeout time.Duration `yaml:"transaction_timeout"`
}

// Preset is the settings of a named deployment; all deployments start the same.
func Preset(string) Settings {
	return Settings{
		URL:                "sqlite:/var/lib/parvis/parvis.db",
		Connections:        16,
		WaitTimeout:        5 * time.Second,
		TransactionTimeout: 5 * time.Second,
	}
}

// Problems are all reasons why these settings cannot be used, each with what to change.
func (s Settings) Problems() []string {
	var out []string
	if _, _, err := parseURL(s.URL); err != nil {
		out = append(out, err.Error())
	}
	if s.Connections < 2 || s.Connections > 1000 {
		out = append(out, fmt.Sprintf("connections is %d: set it between 2 and 1000 (16 is usual)", s.Connections))
	}
	for _, limit := range []struct {
		key   string
		value time.Duration
	}{{"wait_timeout", s.WaitTimeout}, {"transaction_timeout", s.TransactionTimeout}} {
		if limit.value < 100*time.Millisecond || limit.value > time.Minute {
			out = append(out, fmt.Sprintf("%s is %s: set it between 100ms and 1m (5s is usual)", limit.key, limit.value))
		}
	}
	return out
}

// The engines, as Engine names them.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// parseURL tells the engine, and the path (SQLite) or the whole address (PostgreSQL).
func parseURL(address string) (engine, rest string, err error) {
	switch {
	case address == "":
		return "", "", fmt.Errorf("url is empty: set it to sqlite:/path/to/parvis.db or postgres://user@host/database")
	case strings.HasPrefix(address, "sqlite:"):
		path := strings.TrimPrefix(strings.TrimPrefix(address, "sqlite:"), "//")
		if path == "" || strings.ContainsAny(path, "?#\x00") || strings.HasPrefix(path, ":") {
			return "", "", fmt.Errorf("url %q names no file: set it to sqlite:/path/to/parvis.db", address)
		}
		return SQLite, path, nil
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		return PostgreSQL, address, nil
	default:
		scheme, _, _ := strings.Cut(address, ":")
		return "", "", fmt.Errorf("url starts with %q: use sqlite: or postgres://", scheme)
	}
}

// LogValue shows the address without its password.
func (s Settings) LogValue() slog.Value {
	parsed, err := url.Parse(s.URL)
	if err != nil {
		return slog.StringValue("(an address that cannot be read)")
	}
	return slog.StringValue(parsed.Redacted())
}
