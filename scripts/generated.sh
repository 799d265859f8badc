#!/bin/sh
# Rebuilds everything generated and fails when the committed files differ.
set -eu
cd "$(dirname "$0")/.."
before=$(git status --porcelain)
make --no-print-directory generate
after=$(git status --porcelain)
if [ "$before" != "$after" ]; then
	echo "Generated files differ from the committed ones:" >&2
	git --no-pager diff --stat >&2
	git status --porcelain >&2
	exit 1
fi
