#!/bin/sh
# Foreign clients sign in against `parvis serve`: openid-client, oauth4webapi, coreos/go-oidc, Authlib, Apache mod_auth_openidc,
# oidc-client-ts in Chromium; on SQLite and on PostgreSQL. People sign in with Lynx, too. Services that show certificates meet the server's own TLS.
# Then people sign in there with foreign sign-in partners: oidc-provider, a second Parvis, and Debian's SimpleSAMLphp, which speaks SAML.
set -eu
cd "$(dirname "$0")/.."
scripts/need.sh /usr/sbin/apache2=apache2 /usr/lib/apache2/modules/mod_auth_openidc.so=libapache2-mod-auth-openidc \
	/usr/share/simplesamlphp/www=simplesamlphp python3=python3 /usr/lib/python3/dist-packages/authlib=python3-authlib /usr/lib/python3/dist-packages/requests=python3-requests \
	php=php-cli openssl=openssl curl=curl chromium=chromium lynx=lynx \
	/var/lib/dpkg/info/php-xml.list=php-xml /var/lib/dpkg/info/php-mbstring.list=php-mbstring /var/lib/dpkg/info/php-curl.list=php-curl
go build -o bin/goclient ./test/interop/goclient
ln -sfn ../e2e/node_modules test/interop/node_modules
scripts/fresh-postgres.sh node test/interop/run.mjs
scripts/fresh-postgres.sh node test/interop/tls.mjs
node test/interop/upstream/run.mjs
