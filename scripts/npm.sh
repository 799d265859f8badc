#!/bin/sh
# Installs a folder's npm packages exactly as its lockfile says, once per lockfile, and says so.
#   scripts/npm.sh FOLDER
set -eu
folder=$1
stamp="$folder/node_modules/.installed"
want=$(cat "$folder/package.json" "$folder/package-lock.json" | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
	exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
	"$(dirname "$0")/need.sh" npm=npm
fi
echo "Installing the npm packages of $folder (once)"
(cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
printf '%s' "$want" >"$stamp"
