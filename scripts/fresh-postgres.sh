#!/bin/sh
# Runs a command with FRESH_POSTGRES naming a new, empty, private PostgreSQL, and removes it afterwards.
#   scripts/fresh-postgres.sh COMMAND [ARGUMENT ...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir="$here/../.cache/postgres-fresh-$$"
mkdir -p "$here/../.cache"
FRESH_POSTGRES=$("$here/postgres.sh" start "$dir")
export FRESH_POSTGRES
code=0
"$@" || code=$?
"$here/postgres.sh" remove "$dir"
exit "$code"
