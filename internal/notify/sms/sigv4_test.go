package sms

import (
	"maps"
	"strings"
	"testing"
	"time"

	"parvis/internal/outbound"
)

// The vectors are of AWS's published test suite for Signature Version 4 (aws-sig-v4-test-suite).
func TestSignaturesAreThoseOfThePublishedVectors(t *testing.T) {
	s := signer{keyID: "AKIDEXAMPLE", key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "service"}
	when := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, v := range []struct {
		name, method, body string
		header             map[string]string
		signed, signature  string
	}{
		{"get-vanilla", "GET", "", nil, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"post-vanilla", "POST", "", nil, "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-header-key-case", "POST", "", nil, "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-header-key-sort", "POST", "", map[string]string{"My-Header1": "value1"}, "host;my-header1;x-amz-date", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
		{"post-header-value-case", "POST", "", map[string]string{"My-Header1": "VALUE1"}, "host;my-header1;x-amz-date", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
		{"get-header-value-trim", "GET", "", map[string]string{"My-Header1": " value1", "My-Header2": ` "a   b   c"`}, "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"post-x-www-form-urlencoded", "POST", "Param1=value1", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"post-x-www-form-urlencoded-parameters", "POST", "Param1=value1", map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf8"}, "content-type;host;x-amz-date", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
	} {
		r := outbound.Request{Method: v.method, Body: []byte(v.body), Header: map[string]string{}}
		maps.Copy(r.Header, v.header)
		s.sign(&r, "example.amazonaws.com", when)
		want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + v.signed + ", Signature=" + v.signature
		if got := r.Header["Authorization"]; got != want {
			t.Errorf("%s:\n got %s\nwant %s", v.name, got, want)
		}
		if !strings.HasPrefix(r.Header["X-Amz-Date"], "20150830T123600Z") {
			t.Error(r.Header["X-Amz-Date"])
		}
	}
}
