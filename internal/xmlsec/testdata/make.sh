#!/bin/sh
# Makes the vectors of this folder with libxml2 and xmlsec1 (Debian: xmlsec1,
# libxml2-utils, openssl). They were made with xmlsec1 1.2.37 and are committed;
# run it again only to add one. The keys are for tests and protect nothing.
set -eu
cd "$(dirname "$0")"
key() { # name, then arguments of openssl genpkey
  name=$1; shift
  [ -f "$name.key" ] || {
    openssl genpkey "$@" -out "$name.key"
    openssl req -new -x509 -key "$name.key" -subj "/CN=$name.test" -days 36500 -out "$name.crt"
  }
}
key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
key p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
key p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
key p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521

for f in c14n/*.xml; do # xmllint leaves comments in
  xmllint --nonet --exc-c14n "$f" | sed 's/<!--[^>]*-->//g' > "${f%.xml}.c14n"
done

sign() { # key, signature method, digest, prefix list, output
  prefixes=
  [ -z "$4" ] || prefixes="<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"$4\"/>"
  cat > template.xml <<X
<?xml version="1.0" encoding="UTF-8"?>
<r:Outer xmlns:r="urn:test:outer" xmlns="urn:test:default" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:u="urn:test:unused" ID="_outer">
  <a:Thing xmlns:a="urn:test:a" ID="_thing" z="1" a:z="&quot;2&lt;&#9;" b="caf&#233;">
    <a:Issuer>https://issuer.example</a:Issuer><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
      <ds:SignedInfo>
        <ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
        <ds:SignatureMethod Algorithm="$2"/>
        <ds:Reference URI="#_thing">
          <ds:Transforms>
            <ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
            <ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">$prefixes</ds:Transform>
          </ds:Transforms>
          <ds:DigestMethod Algorithm="$3"/>
          <ds:DigestValue/>
        </ds:Reference>
      </ds:SignedInfo>
      <ds:SignatureValue/>
      <ds:KeyInfo><ds:X509Data/></ds:KeyInfo>
    </ds:Signature>
    <a:Value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">é &amp; &gt; 😀</a:Value>
    <Plain xmlns=""><x/></Plain>
  </a:Thing>
</r:Outer>
X
  xmlsec1 --sign --privkey-pem "$1.key,$1.crt" --id-attr:ID "urn:test:a:Thing" --output "signed/$5.xml" template.xml
  rm template.xml
}
more=http://www.w3.org/2001/04/xmldsig-more#
enc=http://www.w3.org/2001/04/xmlenc#
sign rsa ${more}rsa-sha256 ${enc}sha256 "" rsa-sha256
sign rsa ${more}rsa-sha384 ${more}sha384 "" rsa-sha384
sign rsa ${more}rsa-sha512 ${enc}sha512 "" rsa-sha512
sign p256 ${more}ecdsa-sha256 ${enc}sha256 "" ecdsa-p256-sha256
sign p384 ${more}ecdsa-sha384 ${more}sha384 "" ecdsa-p384-sha384
sign p521 ${more}ecdsa-sha512 ${enc}sha512 "" ecdsa-p521-sha512
sign rsa ${more}rsa-sha256 ${enc}sha256 "xs" rsa-prefix-xs
sign rsa ${more}rsa-sha256 ${enc}sha256 "#default xs u" rsa-prefix-default
# What must be refused.
sign rsa http://www.w3.org/2000/09/xmldsig#rsa-sha1 ${enc}sha256 "" refused-rsa-sha1
sign rsa ${more}rsa-sha256 http://www.w3.org/2000/09/xmldsig#sha1 "" refused-digest-sha1

encrypt() { # block cipher, key transport, digest, output, session key
  digest=
  [ -z "$3" ] || digest="<DigestMethod xmlns=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"$3\"/>"
  cat > template.xml <<X
<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">
  <EncryptionMethod Algorithm="$1"/>
  <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
    <EncryptedKey xmlns="http://www.w3.org/2001/04/xmlenc#">
      <EncryptionMethod Algorithm="$2">$digest</EncryptionMethod>
      <CipherData><CipherValue/></CipherData>
    </EncryptedKey>
  </KeyInfo>
  <CipherData><CipherValue/></CipherData>
</EncryptedData>
X
  printf '<a:Secret xmlns:a="urn:test:a" ID="_s">caf\303\251</a:Secret>' > plain.xml
  xmlsec1 --encrypt --pubkey-cert-pem rsa.crt --session-key "$5" --xml-data plain.xml --output "encrypted/$4.xml" template.xml
  rm template.xml plain.xml
}
enc11=http://www.w3.org/2009/xmlenc11#
encrypt ${enc11}aes128-gcm ${enc}rsa-oaep-mgf1p "" aes128-gcm aes-128
encrypt ${enc11}aes256-gcm ${enc}rsa-oaep-mgf1p http://www.w3.org/2000/09/xmldsig#sha1 aes256-gcm aes-256
encrypt ${enc}aes128-cbc ${enc}rsa-oaep-mgf1p "" cbc-aes128 aes-128
encrypt ${enc}aes256-cbc ${enc}rsa-oaep-mgf1p "" cbc-aes256 aes-256
encrypt ${enc11}aes256-gcm ${enc}rsa-1_5 "" refused-rsa-1_5 aes-256
encrypt ${enc}tripledes-cbc ${enc}rsa-oaep-mgf1p "" refused-3des des-192
