#!/bin/sh
# Installs Debian packages that a command needs, once, and says so.
#   scripts/need.sh PROGRAM=PACKAGE [PROGRAM=PACKAGE ...]
# PROGRAM is looked for in PATH (or as an absolute path); PACKAGE is installed when it is missing.
set -eu
missing=""
for pair in "$@"; do
	program=${pair%%=*}
	package=${pair#*=}
	if ! command -v "$program" >/dev/null 2>&1 && ! [ -e "$program" ]; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Please install:$missing (this script only knows apt-get)" >&2
	exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
	sudo="sudo"
fi
echo "Installing the Debian packages this needs (once):$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # the packages are meant to be split
if ! DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
	$sudo apt-get update >>"$log" 2>&1
	# shellcheck disable=SC2086
	if ! DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
		tail -20 "$log" >&2
		exit 1
	fi
fi
rm -f "$log"
