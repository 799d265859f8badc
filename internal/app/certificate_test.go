package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parvis/internal/config"
)

// issue writes a self-signed certificate with a serial number of its own.
func issue(t *testing.T, files config.TLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<34, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		files.CertificateFile: {Type: "CERTIFICATE", Bytes: der},
		files.KeyFile:         {Type: "PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func filesIn(dir string) config.TLS {
	return config.TLS{CertificateFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
}

func (c *certificate) serial() int64 { return c.current.Load().Leaf.SerialNumber.Int64() }

func TestANewCertificateIsReadWhenItsFilesChangeOrOnASignal(t *testing.T) {
	files := filesIn(t.TempDir())
	issue(t, files, 1)
	synctest.Test(t, func(t *testing.T) {
		c := &certificate{Files: files, Log: slog.New(slog.DiscardHandler), Now: time.Now}
		if err := c.load(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		signals := make(chan os.Signal)
		done := make(chan struct{})
		go func() {
			c.watch(ctx, signals)
			close(done)
		}()
		issue(t, files, 2)
		changed := time.Unix(1<<31, 0)
		if err := os.Chtimes(files.KeyFile, changed, changed); err != nil {
			t.Fatal(err)
		}
		time.Sleep(certificateEvery + time.Second)
		synctest.Wait()
		if c.serial() != 2 {
			t.Errorf("after a change: serial %d", c.serial())
		}
		issue(t, files, 3)
		signals <- syscall.SIGHUP
		synctest.Wait()
		if c.serial() != 3 {
			t.Errorf("after a signal: serial %d", c.serial())
		}
		if err := os.WriteFile(files.KeyFile, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		signals <- syscall.SIGHUP
		synctest.Wait()
		if c.serial() != 3 {
			t.Errorf("a damaged file took the certificate away: serial %d", c.serial())
		}
		stop()
		<-done
	})
}

// FAPI 2.0 SP, 5.2.1: TLS 1.2 with the ciphers that RFC 9325, 4.2 recommends, and TLS 1.3.
func TestOnlyForwardSecretAuthenticatedCiphersAreOffered(t *testing.T) {
	files := filesIn(t.TempDir())
	issue(t, files, 1)
	c := &certificate{Files: files, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	server := c.config()
	for name, client := range map[string]*tls.Config{
		"TLS 1.1":            {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"no forward secrecy": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"CBC":                {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		if err := shake(t, server, client); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for name, client := range map[string]*tls.Config{
		"TLS 1.3":          {MinVersion: tls.VersionTLS13},
		"TLS 1.2 ChaCha20": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
		"TLS 1.2 AES-256":  {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		"TLS 1.2 GCM":      {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
	} {
		if err := shake(t, server, client); err != nil {
			t.Errorf("%s was refused: %v", name, err)
		}
	}
}

// shake does a handshake over a pipe.
func shake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	client.InsecureSkipVerify = true
	a, b := pipe(t)
	go func() { _ = tls.Server(a, server).HandshakeContext(t.Context()) }()
	return tls.Client(b, client).HandshakeContext(t.Context())
}

func TestTheEndOfACertificateIsToldInTime(t *testing.T) {
	files := filesIn(t.TempDir())
	issue(t, files, 1)
	var log bytes.Buffer
	now := time.Unix(1<<34, 0).Add(-40 * 24 * time.Hour)
	c := &certificate{Files: files, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	var days []int
	for hour := range 43 * 24 {
		log.Reset()
		c.warn(t.Context())
		c.warn(t.Context())
		if n := strings.Count(log.String(), "renew it"); n > 1 {
			t.Fatalf("told %d times at once", n)
		} else if n == 1 {
			days = append(days, 40-hour/24)
		}
		now = now.Add(time.Hour)
	}
	if !slices.Equal(days, []int{30, 14, 7, 1, 0, -1, -2}) {
		t.Errorf("told at %v days before the end", days)
	}
}
