#!/bin/sh
# Behind PgBouncer in transaction mode: the tests of the database and of the journeys, and a foreign
# client's sign-in at `parvis serve`, which migrates an empty database through the pooler.
set -eu
cd "$(dirname "$0")/.."
dir=$PWD/.cache/postgres-pooler-$$
mkdir -p .cache
end() {
	scripts/pgbouncer.sh stop "$dir"
	scripts/postgres.sh remove "$dir"
}
trap end EXIT
PARVIS_TEST_POSTGRES=$(scripts/postgres.sh start "$dir")
export PARVIS_TEST_POSTGRES
pooler=$(scripts/pgbouncer.sh start "$dir")
PARVIS_TEST_POOLER=$pooler go test -timeout=1h -count=1 -run /postgres ./internal/db/ ./internal/job/ ./internal/grant/ \
	./internal/enrollment/ ./internal/signin/ ./internal/recovery/ ./internal/oidc/
scripts/npm.sh test/e2e
ln -sfn ../e2e/node_modules test/interop/node_modules
PARVIS_DATABASE_URL=$pooler node test/interop/pooler.mjs
