package xmlsec

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // RSA-OAEP with SHA-1, which is what most products send
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
)

// Identifiers of XML Encryption 1.1, sections 5.2 and 5.5.
const (
	encryption11 = "http://www.w3.org/2009/xmlenc11#"

	aes128GCM = encryption11 + "aes128-gcm"
	aes256GCM = encryption11 + "aes256-gcm"
	aes128CBC = EncryptionSpace + "aes128-cbc"
	aes256CBC = EncryptionSpace + "aes256-cbc"

	oaepMGF1P = EncryptionSpace + "rsa-oaep-mgf1p"
	oaep      = encryption11 + "rsa-oaep"

	digestSHA1 = SignatureSpace + "sha1"
	mgf1SHA1   = encryption11 + "mgf1sha1"
	mgf1SHA256 = encryption11 + "mgf1sha256"

	typeElement = EncryptionSpace + "Element"
)

// maxCarriers is how many encrypted keys are tried with each private key.
const maxCarriers = 4

// ErrDecrypt says that something cannot be decrypted, and never why: the reason
// is what padding oracles are made of (XML Encryption 1.1, 6.1.1).
var ErrDecrypt = errors.New("xmlsec: it cannot be decrypted")

// Decryption is what encrypted elements are read with.
type Decryption struct {
	Keys []crypto.Decrypter // RSA; the newest first
	// CBC allows AES-CBC, whose bytes anybody can change: set it only for an
	// element under a signature that was verified before.
	CBC bool
}

// Decrypt reads the one element that an EncryptedData holds. wrapper is the
// element around it (EncryptedAssertion, EncryptedID): its children are one
// EncryptedData and EncryptedKey elements, which may also stand in the KeyInfo of
// the EncryptedData (SAML core 2.3.4 and 6.2). Whatever fails beyond the names of
// the algorithms fails as ErrDecrypt, after the same steps.
func Decrypt(wrapper *Element, d Decryption) (*Element, error) {
	data, carriers, err := encryptedParts(wrapper)
	if err != nil {
		return nil, err
	}
	block, err := blockOf(data)
	if err != nil {
		return nil, err
	}
	if block.cbc && !d.CBC {
		return nil, fmt.Errorf("%w: AES-CBC is not allowed here", ErrMalformed)
	}
	content, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	var found *Element
	for _, carrier := range carriers {
		options, err := transport(carrier)
		if err != nil {
			return nil, err
		}
		wrapped, err := cipherValue(carrier)
		if err != nil {
			return nil, err
		}
		for _, private := range d.Keys {
			if e := block.read(unwrap(private, wrapped, options, block.size), content, wrapper.doc); e != nil && found == nil {
				found = e
			}
		}
	}
	if found == nil {
		return nil, ErrDecrypt
	}
	return found, nil
}

// encryptedParts finds the EncryptedData and the EncryptedKeys.
func encryptedParts(wrapper *Element) (data *Element, carriers []*Element, err error) {
	for _, child := range wrapper.Elements() {
		switch {
		case child.Is(EncryptionSpace, "EncryptedData") && data == nil:
			data = child
		case child.Is(EncryptionSpace, "EncryptedKey"):
			carriers = append(carriers, child)
		default:
			return nil, nil, fmt.Errorf("%w: an encrypted element holds one EncryptedData", ErrMalformed)
		}
	}
	if data == nil {
		return nil, nil, fmt.Errorf("%w: no EncryptedData", ErrMalformed)
	}
	if kind, ok := data.Attr("Type"); ok && kind != typeElement {
		return nil, nil, fmt.Errorf("%w: something else than an element is encrypted", ErrMalformed)
	}
	for _, child := range data.Elements() {
		if !child.Is(SignatureSpace, "KeyInfo") {
			continue
		}
		for _, in := range child.Elements() {
			if in.Is(EncryptionSpace, "EncryptedKey") {
				carriers = append(carriers, in)
			}
		}
	}
	if len(carriers) == 0 || len(carriers) > maxCarriers {
		return nil, nil, fmt.Errorf("%w: no encrypted key, or too many", ErrMalformed)
	}
	return data, carriers, nil
}

// method is the one EncryptionMethod of an EncryptedData or EncryptedKey.
func method(e *Element) (*Element, string, error) {
	var found *Element
	for _, child := range e.Elements() {
		if child.Is(EncryptionSpace, "EncryptionMethod") {
			if found != nil {
				return nil, "", fmt.Errorf("%w: two encryption methods", ErrMalformed)
			}
			found = child
		}
	}
	if found == nil {
		return nil, "", fmt.Errorf("%w: no encryption method", ErrMalformed)
	}
	algorithm, _ := found.Attr("Algorithm")
	return found, algorithm, nil
}

// cipherValue is the base64 of CipherData. A CipherReference, which would have to be fetched, is refused.
func cipherValue(e *Element) ([]byte, error) {
	for _, child := range e.Elements() {
		if !child.Is(EncryptionSpace, "CipherData") {
			continue
		}
		inner := child.Elements()
		if len(inner) != 1 || !inner[0].Is(EncryptionSpace, "CipherValue") {
			break
		}
		text, err := inner[0].Text()
		if err != nil {
			return nil, err
		}
		return DecodeBase64(text)
	}
	return nil, fmt.Errorf("%w: no CipherValue", ErrMalformed)
}

// transport reads how a key was encrypted: RSA-OAEP, with SHA-1 or SHA-256 (XML
// Encryption 1.1, 5.5.2). RSA PKCS #1 v1.5 is refused (section 5.5.1; Bleichenbacher).
// The older identifier means MGF1 with SHA-1 whatever the digest.
func transport(carrier *Element) (*rsa.OAEPOptions, error) {
	e, algorithm, err := method(carrier)
	if err != nil {
		return nil, err
	}
	if algorithm != oaep && algorithm != oaepMGF1P {
		return nil, fmt.Errorf("%w: a key transport that is not RSA-OAEP", ErrMalformed)
	}
	options := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	for _, child := range e.Elements() {
		value, _ := child.Attr("Algorithm")
		switch {
		case child.Is(SignatureSpace, "DigestMethod") && value == digestSHA1:
		case child.Is(SignatureSpace, "DigestMethod") && value == digestSHA256:
			options.Hash = crypto.SHA256
		case child.Is(encryption11, "MGF") && algorithm == oaep && value == mgf1SHA1:
		case child.Is(encryption11, "MGF") && algorithm == oaep && value == mgf1SHA256:
			options.MGFHash = crypto.SHA256
		default:
			return nil, fmt.Errorf("%w: RSA-OAEP with parameters that are not used", ErrMalformed)
		}
	}
	return options, nil
}

// unwrap decrypts a key of size bytes. If it cannot, it returns a random one, so
// that what follows is the same work whether or not it could.
func unwrap(private crypto.Decrypter, wrapped []byte, options *rsa.OAEPOptions, size int) []byte {
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	key, err := private.Decrypt(rand.Reader, wrapped, options)
	if err != nil || len(key) != size {
		return random
	}
	return key
}

// blockCipher is how content is encrypted (XML Encryption 1.1, 5.2).
type blockCipher struct {
	size int // bytes of the key
	cbc  bool
}

func blockOf(data *Element) (blockCipher, error) {
	_, algorithm, err := method(data)
	if err != nil {
		return blockCipher{}, err
	}
	switch algorithm {
	case aes128GCM:
		return blockCipher{size: 16}, nil
	case aes256GCM:
		return blockCipher{size: 32}, nil
	case aes128CBC:
		return blockCipher{size: 16, cbc: true}, nil
	case aes256CBC:
		return blockCipher{size: 32, cbc: true}, nil
	}
	return blockCipher{}, fmt.Errorf("%w: an encryption that is not AES-GCM or AES-CBC with 128 or 256 bits", ErrMalformed)
}

// read decrypts content and reads the element in it; nil if either fails.
func (b blockCipher) read(key, content []byte, doc *document) *Element {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	open := openGCM
	if b.cbc {
		open = openCBC
	}
	plain, ok := open(block, content)
	if !ok {
		return nil
	}
	limits := MessageLimits()
	if doc != nil {
		limits = doc.limits
	}
	e, err := Read(plain, limits)
	if err != nil {
		return nil
	}
	return e
}

// openGCM: a nonce of 96 bits, the ciphertext, a tag of 128 bits (XML Encryption 1.1, 5.2.4).
func openGCM(block cipher.Block, content []byte) ([]byte, bool) {
	aead, err := cipher.NewGCM(block)
	if err != nil || len(content) < aead.NonceSize()+aead.Overhead() {
		return nil, false
	}
	plain, err := aead.Open(nil, content[:aead.NonceSize()], content[aead.NonceSize():], nil)
	return plain, err == nil
}

// openCBC: an initialization vector, then blocks whose last byte says how many
// bytes at the end are padding (XML Encryption 1.1, 5.2.1).
func openCBC(block cipher.Block, content []byte) ([]byte, bool) {
	const size = aes.BlockSize
	if len(content) < 2*size || len(content)%size != 0 {
		return nil, false
	}
	plain := make([]byte, len(content)-size)
	cipher.NewCBCDecrypter(block, content[:size]).CryptBlocks(plain, content[size:])
	padding := int(plain[len(plain)-1])
	good := subtle.ConstantTimeLessOrEq(1, padding) & subtle.ConstantTimeLessOrEq(padding, size)
	return plain[:len(plain)-subtle.ConstantTimeSelect(good, padding, 0)], good == 1
}

// Encrypt encrypts an element for a key with AES-256-GCM and RSA-OAEP, and returns
// the EncryptedData with its EncryptedKey in it. The digest of RSA-OAEP is SHA-1,
// where it needs no collision resistance, because that is what every product reads.
func Encrypt(e *Element, public *rsa.PublicKey) (*Element, error) {
	if err := CheckKey(public); err != nil {
		return nil, err
	}
	plain, err := e.Canonical()
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	wrapped, err := rsa.EncryptOAEPWithOptions(rand.Reader, public, key, &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1})
	if err != nil {
		return nil, fmt.Errorf("xmlsec: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("xmlsec: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("xmlsec: %w", err)
	}
	xenc := func(local string) *Element { return New("xenc", EncryptionSpace, local) }
	value := func(raw []byte) *Element {
		return xenc("CipherData").Add(xenc("CipherValue").Write(base64.StdEncoding.EncodeToString(raw)))
	}
	return xenc("EncryptedData").Set("Type", typeElement).Add(
		xenc("EncryptionMethod").Set("Algorithm", aes256GCM),
		New("ds", SignatureSpace, "KeyInfo").Add(xenc("EncryptedKey").Add(
			xenc("EncryptionMethod").Set("Algorithm", oaepMGF1P).Add(
				New("ds", SignatureSpace, "DigestMethod").Set("Algorithm", digestSHA1)),
			value(wrapped))),
		value(aead.Seal(nil, nil, plain, nil))), nil //nolint:gosec // NewGCMWithRandomNonce makes the nonce
}

// EncryptionAlgorithms are the identifiers of what Decrypt reads without being
// told to read AES-CBC, to be published: the preferred first, then key transport.
func EncryptionAlgorithms() []string { return []string{aes256GCM, aes128GCM, oaep, oaepMGF1P} }
