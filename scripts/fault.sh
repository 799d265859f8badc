#!/bin/sh
# Kills the server at random in the middle of 200 journeys, on SQLite and on PostgreSQL.
set -eu
cd "$(dirname "$0")/.."
echo "SQLite:"
node test/fault/kill.mjs
echo "PostgreSQL:"
url=$(scripts/postgres.sh start .cache/postgres-fault)
code=0
PARVIS_FAULT_DATABASE=$url node test/fault/kill.mjs || code=$?
scripts/postgres.sh stop .cache/postgres-fault
exit $code
