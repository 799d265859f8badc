// Package xmlsec reads, signs and decrypts the XML that others send and that we
// send: what jose is for tokens, it is for XML. It knows no SAML; its caller is
// saml/protocol. It does no I/O and holds no state.
//
// Read is the one reader of foreign XML. It takes a small part of XML 1.0 that
// every parser reads alike: UTF-8, elements, attributes and text, ASCII names
// with bound prefixes, the five predefined entities. It refuses document type
// declarations, entities, processing instructions, repeated attributes and IDs,
// comments and CDATA sections (comments between the elements of files that
// people write by hand are read), and everything beyond its Limits. That is why
// it is our own code and not encoding/xml, whose tokens do not always survive
// being written and read again, which is what a signature is about (decision 9).
//
// Canonical is Exclusive XML Canonicalization without comments, the only form
// that is signed, verified and written. Verify checks the one enveloped
// signature of an element and returns a new tree, made of exactly the bytes that
// were signed: whoever reads on from what Verify returned cannot read anything
// else. Keys come from the caller; KeyInfo is not looked at. There is no SHA-1,
// no HMAC, no transform but the two of SAML, no second reference. Decrypt takes
// AES-GCM and RSA-OAEP; AES-CBC only where the caller has verified a signature
// over the ciphertext.
package xmlsec
