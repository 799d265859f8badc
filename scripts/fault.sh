#!/bin/sh
# Kills the server at random in the middle of 200 journeys; then replaces the signing keys every ten seconds for a minute
# under load, with two nodes on PostgreSQL, and revokes at one node what the other must refuse; on SQLite and on PostgreSQL.
set -eu
cd "$(dirname "$0")/.."
for folder in test/interop test/fault; do ln -sfn ../e2e/node_modules "$folder/node_modules"; done
for run in kill rotation; do
	echo "$run, SQLite:"
	node "test/fault/$run.mjs"
	echo "$run, PostgreSQL:"
	scripts/fresh-postgres.sh node "test/fault/$run.mjs"
done
