#!/bin/sh
# Makes the answers of testdata/products: messages in the shape that each product
# gives them (prefixes, order, attributes, what is signed and encrypted), written
# after its documentation and signed by xmlsec1 with the keys of xmlsec/testdata.
# All are for one request, one service and one moment: see product_test.go.
set -eu
cd "$(dirname "$0")"
keys=../../../xmlsec/testdata
sign() { # file, id, id attribute's element
  xmlsec1 --sign --privkey-pem "$keys/rsa.key,$keys/rsa.crt" \
    --id-attr:ID "urn:oasis:names:tc:SAML:2.0:assertion:Assertion" --id-attr:ID "urn:oasis:names:tc:SAML:2.0:protocol:Response" \
    --id-attr:ID "urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor" \
    --node-xpath "//*[@ID='$2']/*[local-name()='Signature']" --output tmp.xml "$1"
  mv tmp.xml "$1"
}
signature() { # prefix, id, prefix list, method, digest
  p=$1; c=$1:; x=xmlns:$1
  [ -n "$p" ] || { c=; x=xmlns; }
  list=
  [ -z "$3" ] || list="<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"$3\"/>"
  printf '<%sSignature %s="http://www.w3.org/2000/09/xmldsig#"><%sSignedInfo><%sCanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><%sSignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><%sReference URI="#%s"><%sTransforms><%sTransform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><%sTransform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">%s</%sTransform></%sTransforms><%sDigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><%sDigestValue/></%sReference></%sSignedInfo><%sSignatureValue/><%sKeyInfo><%sX509Data/></%sKeyInfo></%sSignature>' \
    "$c" "$x" "$c" "$c" "$c" "$c" "$2" "$c" "$c" "$c" "$list" "$c" "$c" "$c" "$c" "$c" "$c" "$c" "$c" "$c" "$c" "$c"
}

# SimpleSAMLphp: response and assertion signed, xsi and xs on the assertion.
cat > products/simplesamlphp.xml <<X
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="https://signin.example.ca/saml/acs" InResponseTo="_request"><saml:Issuer>https://partner.example/idp</saml:Issuer>$(signature ds _8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6 "")<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_d71a3a8e9fcc45c9e9d248ef7049393fc8f04e5f75" Version="2.0" IssueInstant="2026-03-01T12:00:00Z"><saml:Issuer>https://partner.example/idp</saml:Issuer>$(signature ds _d71a3a8e9fcc45c9e9d248ef7049393fc8f04e5f75 "")<saml:Subject><saml:NameID SPNameQualifier="https://signin.example.ca/saml" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">_ce3d2948b4cf20146dee0a0b3dd6f69b6cf86f62d7</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="https://signin.example.ca/saml/acs" InResponseTo="_request"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-03-01T11:59:30Z" NotOnOrAfter="2026-03-01T12:05:00Z"><saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-03-01T11:59:58Z" SessionNotOnOrAfter="2026-03-01T20:00:00Z" SessionIndex="_be9967abd904ddcae3c0eb4189adbe3f71e327cf93"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="mail" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue xsi:type="xs:string">person@example.ca</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>
X
sign products/simplesamlphp.xml _d71a3a8e9fcc45c9e9d248ef7049393fc8f04e5f75
sign products/simplesamlphp.xml _8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6

# Shibboleth IdP 4: the response signed with an inclusive prefix, the assertion encrypted by AES-GCM.
cat > assertion.xml <<X
<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_45b1fd4f1ab2b2cb2e4bf5f3fd3be8e3" IssueInstant="2026-03-01T12:00:00.123Z" Version="2.0">
   <saml2:Issuer>https://partner.example/idp</saml2:Issuer>
   <saml2:Subject>
      <saml2:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="https://partner.example/idp" SPNameQualifier="https://signin.example.ca/saml">JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP</saml2:NameID>
      <saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
         <saml2:SubjectConfirmationData Address="203.0.113.7" InResponseTo="_request" NotOnOrAfter="2026-03-01T12:05:00.131Z" Recipient="https://signin.example.ca/saml/acs"/>
      </saml2:SubjectConfirmation>
   </saml2:Subject>
   <saml2:Conditions NotBefore="2026-03-01T12:00:00.123Z" NotOnOrAfter="2026-03-01T12:05:00.123Z">
      <saml2:AudienceRestriction>
         <saml2:Audience>https://signin.example.ca/saml</saml2:Audience>
      </saml2:AudienceRestriction>
   </saml2:Conditions>
   <saml2:AuthnStatement AuthnInstant="2026-03-01T11:59:59.878Z" SessionIndex="_0d1ff0a4f4c3a5a0b8">
      <saml2:SubjectLocality Address="203.0.113.7"/>
      <saml2:AuthnContext>
         <saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef>
      </saml2:AuthnContext>
   </saml2:AuthnStatement>
   <saml2:AttributeStatement>
      <saml2:Attribute FriendlyName="eduPersonPrincipalName" Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.6" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">
         <saml2:AttributeValue xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xsd:string">person@example.ca</saml2:AttributeValue>
      </saml2:Attribute>
   </saml2:AttributeStatement>
</saml2:Assertion>
X
shibboleth() { # block cipher, session key, file
cat > template.xml <<X
<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="_3b0" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="$1"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey Id="_3b1" Recipient="https://signin.example.ca/saml"><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/></xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>
X
xmlsec1 --encrypt --pubkey-cert-pem "$keys/rsa.crt" --session-key "$2" --xml-data assertion.xml --output encrypted.xml template.xml
cat > "products/$3" <<X
<?xml version="1.0" encoding="UTF-8"?>
<saml2p:Response xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" Destination="https://signin.example.ca/saml/acs" ID="_f1c1b1dfb1d2a2b2" InResponseTo="_request" IssueInstant="2026-03-01T12:00:00.123Z" Version="2.0" xmlns:xsd="http://www.w3.org/2001/XMLSchema"><saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">https://partner.example/idp</saml2:Issuer>$(signature ds _f1c1b1dfb1d2a2b2 xsd)<saml2p:Status><saml2p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></saml2p:Status><saml2:EncryptedAssertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">$(sed '/^<?xml/d' encrypted.xml)</saml2:EncryptedAssertion></saml2p:Response>
X
sign "products/$3" _f1c1b1dfb1d2a2b2
rm template.xml encrypted.xml
}
shibboleth http://www.w3.org/2009/xmlenc11#aes128-gcm aes-128 shibboleth.xml
shibboleth http://www.w3.org/2001/04/xmlenc#aes256-cbc aes-256 shibboleth-cbc.xml
rm assertion.xml

# Keycloak: the document signed, the assertion too; default namespaces on the assertion.
cat > products/keycloak.xml <<X
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Destination="https://signin.example.ca/saml/acs" ID="ID_8d3a6d2e-4a0b-4f49-9a5b-6c1d8a0d7c57" InResponseTo="_request" IssueInstant="2026-03-01T12:00:00.501Z" Version="2.0"><saml:Issuer>https://partner.example/idp</saml:Issuer>$(signature dsig ID_8d3a6d2e-4a0b-4f49-9a5b-6c1d8a0d7c57 "")<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="ID_5b2fb7a5-6e6d-44f8-8c6f-c0ac5a3a0a3e" IssueInstant="2026-03-01T12:00:00.501Z" Version="2.0"><saml:Issuer>https://partner.example/idp</saml:Issuer>$(signature dsig ID_5b2fb7a5-6e6d-44f8-8c6f-c0ac5a3a0a3e "")<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">G-2a5b2c8e-7f45-4c07-95f3-1c7a4c9e0f1d</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="_request" NotOnOrAfter="2026-03-01T12:04:58.501Z" Recipient="https://signin.example.ca/saml/acs"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-03-01T11:59:58.501Z" NotOnOrAfter="2026-03-01T12:00:58.501Z"><saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-03-01T12:00:00.502Z" SessionIndex="c5d6::8a1b" SessionNotOnOrAfter="2026-03-01T22:00:00.502Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="Role" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">offline_access</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>
X
sign products/keycloak.xml ID_5b2fb7a5-6e6d-44f8-8c6f-c0ac5a3a0a3e
sign products/keycloak.xml ID_8d3a6d2e-4a0b-4f49-9a5b-6c1d8a0d7c57

# Entra ID: only the assertion signed, in the default namespace, without prefixes; seven decimals.
cat > products/entra.xml <<X
<samlp:Response ID="_b6a9c1c3-7c4e-4b7e-8d0e-1b2c3d4e5f60" Version="2.0" IssueInstant="2026-03-01T12:00:00.1234567Z" Destination="https://signin.example.ca/saml/acs" InResponseTo="_request" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">https://partner.example/idp</Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><Assertion ID="_c7e0b1d2-0a3b-4c4d-9e5f-a6b7c8d9e000" IssueInstant="2026-03-01T12:00:00.1190003Z" Version="2.0" xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Issuer>https://partner.example/idp</Issuer>$(signature "" _c7e0b1d2-0a3b-4c4d-9e5f-a6b7c8d9e000 "")<Subject><NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">4bOq5DpXK1kXvhYlHkKkJ3yPq7Q8rTn0wV2zA6sE1cU</NameID><SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData InResponseTo="_request" NotOnOrAfter="2026-03-01T13:00:00.1034567Z" Recipient="https://signin.example.ca/saml/acs"/></SubjectConfirmation></Subject><Conditions NotBefore="2026-03-01T11:55:00.1034567Z" NotOnOrAfter="2026-03-01T13:00:00.1034567Z"><AudienceRestriction><Audience>https://signin.example.ca/saml</Audience></AudienceRestriction></Conditions><AttributeStatement><Attribute Name="http://schemas.microsoft.com/identity/claims/tenantid"><AttributeValue>11111111-2222-3333-4444-555555555555</AttributeValue></Attribute></AttributeStatement><AuthnStatement AuthnInstant="2026-03-01T11:58:11.204Z" SessionIndex="_c7e0b1d2-0a3b-4c4d-9e5f-a6b7c8d9e000"><AuthnContext><AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion></samlp:Response>
X
sign products/entra.xml _c7e0b1d2-0a3b-4c4d-9e5f-a6b7c8d9e000

# OpenSAML (Shibboleth and others) unencrypted: the prefix of xsi:type is declared
# on the response only, and inclusive in the assertion's own signature.
cat > products/opensaml.xml <<X
<?xml version="1.0" encoding="UTF-8"?>
<saml2p:Response xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:xs="http://www.w3.org/2001/XMLSchema" Destination="https://signin.example.ca/saml/acs" ID="_9a51a3ad0a5f" InResponseTo="_request" IssueInstant="2026-03-01T12:00:00.123Z" Version="2.0"><saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">https://partner.example/idp</saml2:Issuer>$(signature ds _9a51a3ad0a5f "")<saml2p:Status><saml2p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></saml2p:Status><saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1b7c52d0e6a9" IssueInstant="2026-03-01T12:00:00.123Z" Version="2.0"><saml2:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">https://partner.example/idp</saml2:Issuer>$(signature ds _1b7c52d0e6a9 xs)<saml2:Subject><saml2:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">c2f1b9d04e7a4f7c</saml2:NameID><saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml2:SubjectConfirmationData InResponseTo="_request" NotOnOrAfter="2026-03-01T12:05:00.123Z" Recipient="https://signin.example.ca/saml/acs"/></saml2:SubjectConfirmation></saml2:Subject><saml2:Conditions NotBefore="2026-03-01T12:00:00.123Z" NotOnOrAfter="2026-03-01T12:05:00.123Z"><saml2:AudienceRestriction><saml2:Audience>https://signin.example.ca/saml</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions><saml2:AuthnStatement AuthnInstant="2026-03-01T12:00:00.001Z" SessionIndex="_5c"><saml2:AuthnContext><saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement><saml2:Attribute Name="mail"><saml2:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">person@example.ca</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion></saml2p:Response>
X
sign products/opensaml.xml _1b7c52d0e6a9
sign products/opensaml.xml _9a51a3ad0a5f
