package smtp

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"parvis/internal/notify"
)

// rude runs a server that does as handle does with each connection.
func rude(t *testing.T, handle func(net.Conn)) *Transport {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return client(t, l.Addr().(*net.TCPAddr).Port, notify.TLSNone, "")
}

func TestAServerThatAcceptsAndDropsCostsNoLetter(t *testing.T) {
	tr := rude(t, func(net.Conn) {})
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Errorf("dropped before the greeting: %v", err)
	}
	tr = rude(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 hello\r\n")
		buffer := make([]byte, 4096)
		for range 3 { // EHLO, NOOP, MAIL
			if _, err := c.Read(buffer); err != nil {
				return
			}
			_, _ = io.WriteString(c, "250 ok\r\n")
		}
		_, _ = c.Read(buffer) // RCPT: and gone
	})
	err := tr.Deliver(t.Context(), letter())
	if e, ok := errors.AsType[*notify.DeliveryError](err); !ok || e.Permanent || e.Code != "connection" {
		t.Errorf("dropped in the middle: %v", err)
	}
	tr = rude(t, func(c net.Conn) { _, _ = io.WriteString(c, "554 go away\r\n") })
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Errorf("sent away at the greeting: %v", err)
	}
	tr = rude(t, func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("nonsense ", 1000)+"\r\n") })
	if err := tr.Deliver(t.Context(), letter()); !isDown(err) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestATarpitHoldsADeliveryNoLongerThanTheTimeout(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, handle := range map[string]func(net.Conn){
		"silent": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"dripping": func(c net.Conn) {
			_, _ = io.WriteString(c, "220-")
			for {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		},
		"stuck at data": func(c net.Conn) {
			_, _ = io.WriteString(c, "220 hello\r\n")
			buffer := make([]byte, 4096)
			for range 4 {
				if _, err := c.Read(buffer); err != nil {
					return
				}
				_, _ = io.WriteString(c, "250 ok\r\n")
			}
			_, _ = io.Copy(io.Discard, c)
		},
	} {
		tr := rude(t, handle)
		tr.Settings.Server.Timeout = 400 * time.Millisecond
		err := tr.Deliver(t.Context(), letter())
		if err == nil {
			t.Errorf("%s: delivered", name)
		}
		tr.Settings.Server.Timeout = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = tr.Deliver(ctx, letter())
		cancel()
		if err == nil || ctx.Err() == nil {
			t.Errorf("%s, given up by the caller: %v", name, err)
		}
	}
	for range 1500 {
		if runtime.NumGoroutine() <= before+12 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
