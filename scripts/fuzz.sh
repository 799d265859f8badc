#!/bin/sh
# Runs each fuzz target of the module for a bounded time.
#   scripts/fuzz.sh 10s
set -eu
cd "$(dirname "$0")/.."
time=${1:-10s}
grep -rlE '^func Fuzz[A-Za-z0-9_]+\(' --include='*_test.go' internal | while read -r file; do
	dir=$(dirname "$file")
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r target; do
		echo "./$dir $target"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="$time" "./$dir" | tail -3
	done
done
