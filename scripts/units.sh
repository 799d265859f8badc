#!/bin/sh
# Checks the files of packaging/ with systemd's own tools, without systemd running.
set -eu
cd "$(dirname "$0")/.."
scripts/need.sh systemd-analyze=systemd
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The unit as it is installed, with the program where it is now.
sed "s|/usr/bin/parvis|$PWD/bin/parvis|" packaging/parvis.service >"$work/parvis.service"
problems=$(systemd-analyze verify --man=no "$work/parvis.service" 2>&1) || true
if [ -n "$problems" ]; then
	echo "$problems" >&2
	exit 1
fi
# Tenths of the exposure; what remains is the network, low ports and the host's own folders.
if ! systemd-analyze security --offline=true --threshold=16 "$work/parvis.service" >"$work/report"; then
	grep -v '✓' "$work/report" >&2
	exit 1
fi
systemd-sysusers --dry-run "$PWD/packaging/parvis.sysusers" >/dev/null 2>&1
# The folders and keys in a root of their own, as the user that sysusers makes there.
if [ "$(id -u)" = 0 ]; then
	root=$work/root
	mkdir -p "$root/etc/parvis" "$root/var/lib"
	systemd-sysusers --root="$root" "$PWD/packaging/parvis.sysusers" >/dev/null 2>&1
	touch "$root/etc/parvis/parvis.yaml" "$root/etc/parvis/root.key" "$root/etc/parvis/pepper-2.key"
	systemd-tmpfiles --root="$root" --create "$PWD/packaging/parvis.tmpfiles"
	owner=$(sed -n 's/^parvis:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
	got=$(cd "$root" && stat -c '%n %a %u' etc/parvis etc/parvis/parvis.yaml etc/parvis/root.key etc/parvis/pepper-2.key var/lib/parvis | tr '\n' ' ')
	want="etc/parvis 750 0 etc/parvis/parvis.yaml 640 0 etc/parvis/root.key 400 $owner etc/parvis/pepper-2.key 400 $owner var/lib/parvis 700 $owner "
	if [ "$got" != "$want" ]; then
		echo "units.sh: tmpfiles made $got instead of $want" >&2
		exit 1
	fi
fi
echo "packaging: the unit verifies, $(tail -n 1 "$work/report" | sed 's/.*service: //')"
