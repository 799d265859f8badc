package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"parvis/internal/app"
	"parvis/internal/config"
	"parvis/internal/demo"
)

// serveCmd runs the service.
type serveCmd struct {
	Migrate bool `help:"Bring the database to this version first; nodes that start together wait for each other." default:"true" negatable:""`
}

// Run serves until the process is told to stop.
func (cmd *serveCmd) Run(ctx context.Context, c *console) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := app.NewLog(c.err, app.Level(cfg.Server.LogLevel))
	slog.SetDefault(log) // what has no logger of its own writes the same lines
	h, err := app.Open(ctx, app.Options{Config: cfg, Now: c.now, Log: log, Version: versionOf().Version})
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }() // after Serve nothing is left to lose
	if cmd.Migrate {
		if _, err := h.DB.Migrate(ctx); err != nil {
			return err
		}
	}
	return h.Serve(ctx, nil)
}

// demoCmd runs the demonstration.
type demoCmd struct {
	Port      int      `help:"Port of the sign-in service; the example services and the bank take the next three. 0: any free ports." default:"8080"`
	Dir       string   `help:"Folder for the demonstration's database; empty: a fresh one that is removed at the end." type:"path" placeholder:"DIR"`
	ReadyFile string   `help:"Written once the demonstration serves: addresses and accounts as JSON." type:"path" placeholder:"FILE"`
	Partner   []string `help:"Register the services in this YAML file, too, to try your own client; written as partners in the configuration. Can be repeated." type:"path" placeholder:"FILE"`
	Challenge string   `help:"When forms ask for a check that no program sends them: off, suspicion or always; empty: as a deployment does." placeholder:"WHEN" enum:",off,suspicion,always" default:""`
	Crowded   bool     `help:"Also make an account that holds as much as one can: addresses, methods, sessions, services, activity."`
	Bind      string   `help:"Loopback address to bind." default:"127.0.0.1" hidden:""`
	Log       bool     `help:"Write the log to standard error."`
}

// Run runs the demonstration until the process is told to stop.
func (cmd *demoCmd) Run(ctx context.Context, c *console) error {
	return demo.Run(ctx, demo.Options{
		Port: cmd.Port, Dir: cmd.Dir, ReadyFile: cmd.ReadyFile, Bind: cmd.Bind, Log: cmd.Log, Partners: cmd.Partner, Challenge: cmd.Challenge, Crowded: cmd.Crowded,
		Out: c.out, Err: c.err, System: c.now,
	})
}

// healthCmd asks the running service on this machine.
type healthCmd struct {
	URL string `help:"Address of the operators' listener; empty: from the configuration." placeholder:"URL"`
}

// Run succeeds when the service is ready.
func (cmd *healthCmd) Run(ctx context.Context, c *console) error {
	base := cmd.URL
	if base == "" {
		cfg, err := config.Read(c.config, c.environ)
		if err != nil {
			return err
		}
		if cfg.Server.OperationsListen == "" {
			return refuse("server.operations_listen is empty, so nothing can be asked; set it, or give --url")
		}
		base = "http://" + reachable(cfg.Server.OperationsListen)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return refuse("not running: %v", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end or not needed
	var answer app.Readiness
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return refuse("%s does not answer as parvis does: %v", base, err)
	}
	for name, state := range answer.Checks {
		if state != "ok" {
			c.printf("%s: %s\n", name, state)
		}
	}
	if !answer.Ready {
		return refuse("not ready")
	}
	c.printf("ready\n")
	return nil
}

// reachable turns ":9464" and "0.0.0.0:9464" into an address of this machine.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
