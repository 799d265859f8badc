package xmlsec

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func decrypter(t testing.TB) crypto.Decrypter {
	t.Helper()
	return privateKey(t, "rsa").(crypto.Decrypter)
}

// wrapped reads an EncryptedData into an element around it.
func wrapped(t testing.TB, data string) *Element {
	t.Helper()
	e, err := Read([]byte("<EncryptedAssertion>"+data+"</EncryptedAssertion>"), MessageLimits())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatXmlsec1EncryptsIsRead(t *testing.T) {
	files, err := filepath.Glob("testdata/encrypted/*.xml")
	if err != nil || len(files) < 6 {
		t.Fatalf("only %d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(raw), "?>")
		name := filepath.Base(file)
		for _, cbc := range []bool{false, true} {
			got, err := Decrypt(wrapped(t, text), Decryption{Keys: []crypto.Decrypter{decrypter(t)}, CBC: cbc})
			if strings.HasPrefix(name, "refused") || strings.HasPrefix(name, "cbc") && !cbc {
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v", file, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if value, err := got.Text(); err != nil || value != "café" || !got.Is("urn:test:a", "Secret") {
				t.Errorf("%s: %q, %v", file, value, err)
			}
		}
	}
}

func TestWhatIsEncryptedIsRead(t *testing.T) {
	public := certificate(t, "rsa").PublicKey.(*rsa.PublicKey)
	data, err := Encrypt(message(), public)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := data.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decrypt(wrapped(t, string(raw)), Decryption{Keys: []crypto.Decrypter{other, decrypter(t)}})
	if err != nil {
		t.Fatal(err)
	}
	want, err := message().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := got.Canonical(); err != nil || string(again) != string(want) {
		t.Errorf("%s, %v", again, err)
	}
	if _, err := Decrypt(wrapped(t, string(raw)), Decryption{Keys: []crypto.Decrypter{other}}); !errors.Is(err, ErrDecrypt) {
		t.Errorf("with a foreign key: %v", err)
	}
	if _, err := Decrypt(wrapped(t, string(raw)), Decryption{}); !errors.Is(err, ErrDecrypt) {
		t.Errorf("without a key: %v", err)
	}
}

// parts is an EncryptedData to be put together, with its EncryptedKey beside it or in it.
type parts struct {
	transport, parameters, block string
	hash, mgf                    crypto.Hash
	keySize                      int
	beside                       bool
}

func (p parts) encrypt(t *testing.T, plain []byte) string {
	t.Helper()
	key := make([]byte, p.keySize)
	_, _ = rand.Read(key)
	public := certificate(t, "rsa").PublicKey.(*rsa.PublicKey)
	wrapped, err := rsa.EncryptOAEPWithOptions(rand.Reader, public, key, &rsa.OAEPOptions{Hash: p.hash, MGFHash: p.mgf})
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return p.assemble(wrapped, aead.Seal(nil, nil, plain, nil))
}

func (p parts) assemble(wrapped, content []byte) string {
	value := func(raw []byte) string {
		return `<x:CipherData><x:CipherValue>` + base64.StdEncoding.EncodeToString(raw) + `</x:CipherValue></x:CipherData>`
	}
	carrier := `<x:EncryptedKey xmlns:x="` + EncryptionSpace + `"><x:EncryptionMethod Algorithm="` + p.transport + `">` + p.parameters + `</x:EncryptionMethod>` + value(wrapped) + `</x:EncryptedKey>`
	info := `<d:KeyInfo xmlns:d="` + SignatureSpace + `">` + carrier + `</d:KeyInfo>`
	after := ""
	if p.beside {
		info, after = "", carrier
	}
	return `<x:EncryptedData xmlns:x="` + EncryptionSpace + `" Type="` + typeElement + `"><x:EncryptionMethod Algorithm="` + p.block + `"/>` + info + value(content) + `</x:EncryptedData>` + after
}

const digestOf = `<d:DigestMethod xmlns:d="` + SignatureSpace + `" Algorithm="`

func TestKeyTransportIsReadAsProductsWriteIt(t *testing.T) {
	mgf := `<m:MGF xmlns:m="` + encryption11 + `" Algorithm="`
	for name, p := range map[string]parts{
		"older, SHA-1 by default":   {transport: oaepMGF1P, hash: crypto.SHA1, mgf: crypto.SHA1},
		"older, SHA-1":              {transport: oaepMGF1P, parameters: digestOf + digestSHA1 + `"/>`, hash: crypto.SHA1, mgf: crypto.SHA1},
		"older, SHA-256":            {transport: oaepMGF1P, parameters: digestOf + digestSHA256 + `"/>`, hash: crypto.SHA256, mgf: crypto.SHA1},
		"newer, SHA-256":            {transport: oaep, parameters: digestOf + digestSHA256 + `"/>` + mgf + mgf1SHA256 + `"/>`, hash: crypto.SHA256, mgf: crypto.SHA256},
		"newer, SHA-256, MGF SHA-1": {transport: oaep, parameters: digestOf + digestSHA256 + `"/>` + mgf + mgf1SHA1 + `"/>`, hash: crypto.SHA256, mgf: crypto.SHA1},
		"newer, by default":         {transport: oaep, hash: crypto.SHA1, mgf: crypto.SHA1, beside: true},
	} {
		p.block, p.keySize = aes256GCM, 32
		if _, err := Decrypt(wrapped(t, p.encrypt(t, []byte("<a/>"))), Decryption{Keys: []crypto.Decrypter{decrypter(t)}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]parts{
		"RSA 1.5":         {transport: EncryptionSpace + "rsa-1_5"},
		"key wrap":        {transport: EncryptionSpace + "kw-aes256"},
		"digest SHA-512":  {transport: oaep, parameters: digestOf + digestSHA512 + `"/>`},
		"a label":         {transport: oaep, parameters: `<x:OAEPparams>AAAA</x:OAEPparams>`},
		"MGF of older":    {transport: oaepMGF1P, parameters: mgf + mgf1SHA256 + `"/>`},
		"no key at all":   {transport: ""},
		"unknown content": {transport: oaep, block: EncryptionSpace + "aes192-cbc"},
	} {
		if p.block == "" {
			p.block = aes256GCM
		}
		p.keySize, p.hash, p.mgf = 32, crypto.SHA1, crypto.SHA1
		if _, err := Decrypt(wrapped(t, p.encrypt(t, []byte("<a/>"))), Decryption{Keys: []crypto.Decrypter{decrypter(t)}, CBC: true}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryFailureOfDecryptionIsTheSameError(t *testing.T) {
	p := parts{transport: oaepMGF1P, block: aes256GCM, keySize: 32, hash: crypto.SHA1, mgf: crypto.SHA1}
	keys := []crypto.Decrypter{decrypter(t)}
	short, cut := p, p
	short.keySize = 16
	cut.block = aes128CBC
	cut.keySize = 16
	garbage := make([]byte, 256)
	for name, data := range map[string]string{
		"another key size":        short.encrypt(t, []byte("<a/>")),
		"no XML":                  p.encrypt(t, []byte("nothing")),
		"document type in it":     p.encrypt(t, []byte("<!DOCTYPE a><a/>")),
		"two elements":            p.encrypt(t, []byte("<a/><a/>")),
		"nothing in it":           p.encrypt(t, nil),
		"no ciphertext of RSA":    p.assemble(garbage, garbage),
		"too short for RSA":       p.assemble([]byte{1}, garbage),
		"too long for RSA":        p.assemble(make([]byte, 4096), garbage),
		"shorter than a nonce":    p.assemble(garbage, []byte{1, 2, 3}),
		"CBC: no whole blocks":    cut.assemble(garbage, garbage[:47]),
		"CBC: one block":          cut.assemble(garbage, garbage[:16]),
		"CBC: no padding":         cut.assemble(garbage, garbage),
		"GCM read as CBC":         cut.encrypt(t, []byte("<a/>")),
		"prefix declared outside": p.encrypt(t, []byte("<o:a/>")),
	} {
		if _, err := Decrypt(wrapped(t, data), Decryption{Keys: keys, CBC: true}); err != ErrDecrypt { //nolint:errorlint // exactly this one, with nothing around it
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncryptedPartsAreRefusedWhenTheyAreNotOne(t *testing.T) {
	p := parts{transport: oaepMGF1P, block: aes256GCM, keySize: 32, hash: crypto.SHA1, mgf: crypto.SHA1, beside: true}
	good := p.encrypt(t, []byte("<a/>"))
	data, carrier, _ := strings.Cut(good, "<x:EncryptedKey")
	carrier = "<x:EncryptedKey" + carrier
	for name, text := range map[string]string{
		"no data":            carrier,
		"two":                data + data + carrier,
		"no key":             data,
		"five keys":          data + strings.Repeat(carrier, 5),
		"something else":     good + "<a/>",
		"content type":       strings.Replace(good, "#Element", "#Content", 1),
		"cipher reference":   strings.Replace(good, "<x:CipherValue>", `<x:CipherReference URI="https://evil.example/"/><x:CipherValue>`, 1),
		"two methods":        strings.Replace(good, "<x:EncryptionMethod", `<x:EncryptionMethod Algorithm="x"/><x:EncryptionMethod`, 1),
		"value is no text":   strings.Replace(good, "<x:CipherValue>", "<x:CipherValue><a/>", 1),
		"value is no base64": strings.Replace(good, "<x:CipherValue>", "<x:CipherValue>!", 1),
	} {
		if _, err := Decrypt(wrapped(t, text), Decryption{Keys: []crypto.Decrypter{decrypter(t)}}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decrypt(wrapped(t, good), Decryption{Keys: []crypto.Decrypter{decrypter(t)}}); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func FuzzDecrypt(f *testing.F) {
	files, _ := filepath.Glob("testdata/encrypted/*.xml")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, text, _ := strings.Cut(string(raw), "?>")
		f.Add([]byte("<e>" + text + "</e>"))
	}
	d := Decryption{Keys: []crypto.Decrypter{decrypter(f)}, CBC: true}
	f.Fuzz(func(t *testing.T, raw []byte) {
		root, err := Read(raw, MessageLimits())
		if err != nil {
			return
		}
		if _, err := Decrypt(root, d); err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrDecrypt) {
			t.Fatalf("another error: %v", err)
		}
	})
}
