package signin

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
)

// unpackedCap bounds what a packed form can become, in bytes.
const unpackedCap = 32 << 10

// pack makes a form short enough for the state of a flow: a signed request is text
// that repeats itself. "" for no form.
func pack(form url.Values) (string, error) {
	if form == nil {
		return "", nil
	}
	plain, err := json.Marshal(form)
	if err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(out.Bytes()), nil
}

// unpack reads what pack wrote; nil for no form.
func unpack(text string) url.Values {
	packed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), unpackedCap))
	if err != nil {
		return nil
	}
	var out url.Values
	if err := json.Unmarshal(plain, &out); err != nil {
		return nil
	}
	return out
}
