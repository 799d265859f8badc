package flow

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"unicode/utf8"
)

// unpackedCap bounds what a packed form can become, in bytes.
const unpackedCap = 32 << 10

// How a value of a packed form is written: as it is, or as the text whose base64 it is,
// which packs far better.
const (
	written = "="
	decoded = "~"
)

// PackForm makes a form short enough for the state of a flow: a signed request is XML that
// repeats itself, behind base64. "" for no form.
func PackForm(form url.Values) (string, error) {
	if form == nil {
		return "", nil
	}
	short := url.Values{}
	for name, values := range form {
		for _, value := range values {
			short.Add(name, shorter(value))
		}
	}
	plain, err := Marshal(short)
	if err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("form of a partner: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(out.Bytes()), nil
}

func shorter(value string) string {
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !utf8.Valid(text) || base64.StdEncoding.EncodeToString(text) != value {
		return written + value
	}
	return decoded + string(text)
}

// UnpackForm reads what PackForm wrote; nil for no form.
func UnpackForm(text string) url.Values {
	packed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), unpackedCap))
	if err != nil {
		return nil
	}
	var short url.Values
	if err := json.Unmarshal(plain, &short); err != nil {
		return nil
	}
	out := url.Values{}
	for name, values := range short {
		for _, value := range values {
			switch {
			case value == "":
				return nil
			case value[:1] == decoded:
				out.Add(name, base64.StdEncoding.EncodeToString([]byte(value[1:])))
			default:
				out.Add(name, value[1:])
			}
		}
	}
	return out
}
