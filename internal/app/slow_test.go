package app

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"parvis/internal/config"
)

func TestASlowClientIsLetGo(t *testing.T) {
	settings := config.Preset("parvis").Server
	for name, d := range map[string]time.Duration{
		"read_header_timeout": settings.ReadHeaderTimeout, "read_timeout": settings.ReadTimeout,
		"write_timeout": settings.WriteTimeout, "idle_timeout": settings.IdleTimeout,
	} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("%s is %s: a client may hold a connection for too long", name, d)
		}
	}
	for name, c := range map[string]struct {
		sent       string
		head, body time.Duration // ends of what comes in whole are far: a busy machine is slow, too
	}{
		"half a head": {"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 100 * time.Millisecond, time.Minute},
		"half a body": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", time.Minute, 200 * time.Millisecond},
	} {
		settings.ReadHeaderTimeout, settings.ReadTimeout = c.head, c.body
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		server := NewServer(settings, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		}), slog.New(slog.DiscardHandler))
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Errorf("%s: the connection is still held: %v", name, err)
		}
		_ = conn.Close()
		if name != "half a body" {
			continue
		}
		if err := <-read; !isTimeout(err) {
			t.Errorf("the body that never ended was read: %v", err)
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
