#!/bin/sh
# A private PostgreSQL for tests: on a Unix socket only, in a directory of its own.
#
#   scripts/postgres.sh start [--fast] [DIR]   install (if missing), start, print the address
#   scripts/postgres.sh stop [DIR]             stop it; its data stays
#   scripts/postgres.sh remove [DIR]           stop it and delete its data
#   scripts/postgres.sh url [DIR]              print the address of a running one
#
# The last line of "start" is the value for PARVIS_TEST_POSTGRES; everything
# else goes to standard error:
#
#   export PARVIS_TEST_POSTGRES="$(scripts/postgres.sh start)"
#
# --fast starts it without waiting for the disk (fsync=off): for tests that do
# not measure durability. Started already, it stays as it is. As root the server
# runs as the user "postgres", because PostgreSQL refuses to run as root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
command=${1:-}
[ $# -gt 0 ] && shift
fast=no
dir=
for word in "$@"; do
	case $word in
	--fast) fast=yes ;;
	-*) echo "postgres.sh: unknown option $word" >&2; exit 2 ;;
	*) dir=$word ;;
	esac
done
dir=${dir:-$here/../.cache/postgres}

say() { echo "postgres.sh: $*" >&2; }

# newest installed server's programs
programs() {
	for d in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
		if [ -x "$d/initdb" ] && [ -x "$d/pg_ctl" ]; then
			echo "$d"
			return
		fi
	done
	if command -v initdb >/dev/null 2>&1 && command -v pg_ctl >/dev/null 2>&1; then
		dirname "$(command -v initdb)"
	fi
}

install() {
	become=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			say "PostgreSQL is not installed and there is no sudo: install the Debian package postgresql and run this again"
			exit 1
		fi
		become=sudo
	fi
	# No cluster "main" on port 5432: this script makes its own.
	$become mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" | $become tee /etc/postgresql-common/createcluster.d/parvis.conf >/dev/null
	"$here/need.sh" parvis-has-no-postgresql-server=postgresql >&2
}

# run a program of the server as a user who may
as_server() {
	if [ "$(id -u)" = 0 ]; then
		su -s /bin/sh postgres -c 'cd / && exec "$0" "$@"' -- "$@"
	else
		"$@"
	fi
}

# The socket's path may have 107 bytes at most, so it does not stand in DIR. It
# is derived from DIR, and its directory is closed to other users.
paths() {
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	socket=/tmp/parvis-pg-$(id -u)-$(printf %s "$dir" | cksum | cut -d' ' -f1)
	data=$dir/data
	# As root, the user postgres must reach the data: below a closed home it cannot.
	if [ "$(id -u)" = 0 ]; then
		data=/var/lib/postgresql/parvis-$(printf %s "$dir" | cksum | cut -d' ' -f1)
	fi
}

url() { echo "postgres://postgres@/postgres?host=$socket"; }

running() { [ -f "$data/postmaster.pid" ] && as_server "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }

start() {
	bin=$(programs)
	if [ -z "$bin" ]; then
		install
		bin=$(programs)
	fi
	paths
	if running; then
		say "already running in $data"
		url
		return
	fi
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$(dirname "$data")"
		[ -d "$data" ] || install_dir "$data"
	fi
	if [ ! -f "$data/PG_VERSION" ]; then
		say "creating a database cluster in $data"
		as_server "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --no-locale --no-instructions --no-sync >/dev/null
	fi
	[ -d "$socket" ] || install_dir "$socket"
	options="-c listen_addresses='' -c unix_socket_directories=$socket -c unix_socket_permissions=0700"
	options="$options -c max_connections=300 -c shared_buffers=128MB -c max_wal_size=2GB -c log_min_messages=panic -c logging_collector=off"
	if [ "$fast" = yes ]; then
		options="$options -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
	fi
	if ! as_server "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 -o "$options" start >/dev/null; then
		tail -n 20 "$data/server.log" >&2 || true
		exit 1
	fi
	url
}

# a directory that only the server's user can enter
install_dir() {
	mkdir -m 0700 "$1"
	if [ "$(id -u)" = 0 ]; then
		chown postgres "$1"
	fi
}

stop() {
	bin=$(programs)
	paths
	if [ -n "$bin" ] && running; then
		as_server "$bin/pg_ctl" -D "$data" -w -m fast stop >/dev/null
	else
		say "not running"
	fi
}

# stop it and forget its data
remove() {
	stop
	rm -rf "$data" "$socket" "$dir"
}

case $command in
start) start ;;
stop) stop ;;
remove) remove ;;
url) paths; url ;;
*) sed -n '2,18p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
esac
