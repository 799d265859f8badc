package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"parvis/internal/config"
)

// NewServer is an http.Server with the configured limits; handlers get a
// context that ends only when the process is killed, so that a graceful stop
// lets them finish.
func NewServer(s config.Server, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.ReadHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    s.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve runs the whole service: it binds both listeners, starts the background
// work, serves until ctx ends, then drains what is in progress for at most
// server.stop_timeout. ready is called once requests are answered.
func (h *House) Serve(ctx context.Context, ready func()) error {
	settings := h.Config.Server
	public, err := listen(ctx, "server.listen", settings.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = public.Close() }() // closed by its server before; this is for the ways out in between
	var operators net.Listener
	if settings.OperationsListen != "" {
		if operators, err = listen(ctx, "server.operations_listen", settings.OperationsListen); err != nil {
			return err
		}
		defer func() { _ = operators.Close() }() // as above
	}
	// The operators' listener answers while the rest still starts: alive, not ready.
	failed := make(chan error, 3)
	var servers []*http.Server
	if operators != nil {
		s := NewServer(settings, h.operations(), h.Log)
		servers = append(servers, s)
		go func() { failed <- s.Serve(operators) }()
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if err := h.Start(work); err != nil {
		return errors.Join(err, h.drain(ctx, servers, stopWork))
	}
	front := NewServer(settings, h.Handler(), h.Log)
	servers = append(servers, front)
	cert, err := h.secure(work, front)
	if err != nil {
		return errors.Join(err, h.drain(ctx, servers, stopWork))
	}
	shown, err := h.serveCertificates(ctx, cert, failed)
	if err != nil {
		return errors.Join(err, h.drain(ctx, servers, stopWork))
	}
	if shown != nil {
		servers = append(servers, shown)
	}
	go func() {
		if cert != nil {
			failed <- front.ServeTLS(public, "", "")
			return
		}
		failed <- front.Serve(public)
	}()
	h.Log.InfoContext(ctx, "serving", "public_url", settings.PublicURL, "listen", public.Addr().String())
	if ready != nil {
		ready()
	}
	select {
	case <-ctx.Done():
		h.Log.InfoContext(ctx, "stopping")
		return h.drain(ctx, servers, stopWork)
	case err := <-failed:
		return errors.Join(fmt.Errorf("app: %w", err), h.drain(ctx, servers, stopWork))
	}
}

// listen binds an address and says which setting to change when it cannot.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("app: %s: %s is in use by another program; stop it or choose another port", setting, address)
	}
	if errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("app: %s: this user may not listen on %s; give the capability CAP_NET_BIND_SERVICE (the systemd unit does) or choose a port over 1023", setting, address)
	}
	if err != nil {
		return nil, fmt.Errorf("app: %s: %w", setting, err)
	}
	return l, nil
}

// secure loads the certificate, when there is one, and keeps it fresh.
func (h *House) secure(ctx context.Context, server *http.Server) (*certificate, error) {
	if h.Config.Server.TLS.CertificateFile == "" {
		return nil, nil //nolint:nilnil // no certificate and no error: a proxy ends TLS
	}
	c := &certificate{Files: h.Config.Server.TLS, Log: h.Log, Now: h.Now}
	if err := c.load(); err != nil {
		return nil, err
	}
	server.TLSConfig = c.config()
	h.metrics.gauge("parvis_tls_certificate_not_after_seconds", "When the certificate in force ends, in Unix seconds.",
		func() float64 { return float64(c.ends().Unix()) })
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	h.background(func() {
		defer signal.Stop(again)
		c.watch(ctx, again)
	})
	return c, nil
}

// drain stops taking connections, lets requests in progress end, then stops the
// background work: mails and jobs under way are finished or left for another node.
func (h *House) drain(ctx context.Context, servers []*http.Server, stopWork context.CancelFunc) error {
	h.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Config.Server.StopTimeout)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(servers))
	for i, s := range servers {
		all.Go(func() {
			errs[i] = s.Shutdown(ctx)
			if errs[i] != nil {
				errs[i] = errors.Join(errs[i], s.Close())
			}
		})
	}
	all.Wait()
	stopWork()
	h.Wait(ctx)
	return errors.Join(errs...)
}

// background runs something until the work's context ends; Wait waits for it.
func (h *House) background(run func()) { h.running.Go(run) }

// Wait waits for the background work to end, at most until ctx ends.
func (h *House) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		h.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		h.Log.WarnContext(ctx, "background work did not end in time")
	}
}
