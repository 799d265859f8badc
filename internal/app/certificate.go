package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"parvis/internal/config"
)

// certificateEvery is how often the certificate files are looked at.
const certificateEvery = 10 * time.Second

// certificate serves a certificate from files and reads them again when they
// change. While new files cannot be used, the certificate before stays in force.
type certificate struct {
	Files config.TLS
	Log   *slog.Logger
	Now   func() time.Time

	current atomic.Pointer[tls.Certificate]
	read    atomic.Int64 // newest modification time seen, Unix ns

	told warning // used by watch alone
}

// warning is what was said last about the end of the certificate.
type warning struct {
	ends time.Time // of which certificate
	step int       // at how many days before its end
	at   time.Time
}

// warn says in the log that the certificate ends soon: 30, 14 and 7 days before,
// and once a day from the last day on.
func (c *certificate) warn(ctx context.Context) {
	const day = 24 * time.Hour
	now, ends := c.Now(), c.ends()
	step := -1
	for _, days := range []int{30, 14, 7, 1, 0} {
		if ends.Sub(now) <= time.Duration(days)*day {
			step = days
		}
	}
	again := step <= 1 && now.Sub(c.told.at) >= day
	if step < 0 || c.told.ends.Equal(ends) && c.told.step == step && !again {
		return
	}
	c.told = warning{ends: ends, step: step, at: now}
	if step == 0 {
		c.Log.ErrorContext(ctx, "the certificate has ended: renew it; the new files are read by themselves", "ended", ends.UTC())
		return
	}
	c.Log.WarnContext(ctx, "the certificate ends soon: renew it; the new files are read by themselves",
		"ends", ends.UTC(), "days", int(ends.Sub(now)/day))
}

// load reads the files.
func (c *certificate) load() error {
	at, err := c.modified()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.Files.CertificateFile, c.Files.KeyFile)
	if err != nil {
		return fmt.Errorf("app: server.tls.certificate_file, server.tls.key_file: %w", err)
	}
	if pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return fmt.Errorf("app: server.tls.certificate_file: %w", err)
		}
	}
	c.current.Store(&pair)
	c.read.Store(at)
	return nil
}

// modified is when either file was changed last.
func (c *certificate) modified() (int64, error) {
	newest := int64(0)
	for _, path := range []string{c.Files.CertificateFile, c.Files.KeyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return 0, fmt.Errorf("app: server.tls: %w", err)
		}
		newest = max(newest, info.ModTime().UnixNano())
	}
	return newest, nil
}

// watch reads the files again when they change, or at once when asked, until the context ends.
func (c *certificate) watch(ctx context.Context, again <-chan os.Signal) {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		c.warn(ctx)
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-again:
			forced = true
		case <-tick.C:
		}
		at, err := c.modified()
		if err == nil && !forced && at == c.read.Load() {
			continue
		}
		if err == nil {
			err = c.load()
		}
		if err != nil {
			c.Log.ErrorContext(ctx, "certificate cannot be read; the one before stays in force", "error", err.Error())
			continue
		}
		c.Log.InfoContext(ctx, "certificate read", "ends", c.ends().UTC())
	}
}

// ends is when the certificate in force ends.
func (c *certificate) ends() time.Time { return c.current.Load().Leaf.NotAfter }

// config is TLS 1.3, and TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325, 4.2).
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
