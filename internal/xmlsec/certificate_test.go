package xmlsec

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"
)

func TestACertificateOfAKeyIsTheSameOnEveryNode(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.UTC)
	first, err := SelfSigned(key, "sign-in.example.org", at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := SelfSigned(key, "sign-in.example.org", at.In(time.FixedZone("", -5*3600)))
	if err != nil {
		t.Fatal(err)
	}
	if !first.Equal(again) {
		t.Error("two certificates of one key differ")
	}
	second, err := SelfSigned(other, "sign-in.example.org", at)
	if err != nil || second.Equal(first) || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("another key has the same certificate or number: %v", err)
	}
	if s, err := NewSigner(key, first); err != nil || s.Algorithm() != RSASHA256 {
		t.Errorf("no signer of it: %v", err)
	}
	if err := first.CheckSignature(first.SignatureAlgorithm, first.RawTBSCertificate, first.Signature); err != nil {
		t.Error(err)
	}
	if first.NotBefore.After(at) || first.NotAfter.Before(at.AddDate(29, 0, 0)) || len(first.SerialNumber.Bytes()) > 20 || first.IsCA {
		t.Errorf("%v to %v, %v", first.NotBefore, first.NotAfter, first.SerialNumber)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this build makes no weak keys: ", err)
	}
	if _, err := SelfSigned(curve, "x", at); err == nil {
		t.Error("a curve was wrapped")
	}
	if _, err := SelfSigned(weak, "x", at); err == nil {
		t.Error("a weak key was wrapped")
	}
}
