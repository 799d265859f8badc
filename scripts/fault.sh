#!/bin/sh
# Kills the server at random in the middle of 200 journeys, on SQLite and on PostgreSQL.
set -eu
cd "$(dirname "$0")/.."
ln -sfn ../e2e/node_modules test/interop/node_modules
echo "SQLite:"
node test/fault/kill.mjs
echo "PostgreSQL:"
scripts/fresh-postgres.sh node test/fault/kill.mjs
