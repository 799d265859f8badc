#!/bin/sh
# A private PgBouncer in transaction mode in front of a private PostgreSQL (scripts/postgres.sh).
#
#   scripts/pgbouncer.sh start [DIR]   install (if missing), start, print the address
#   scripts/pgbouncer.sh stop [DIR]    stop it
#   scripts/pgbouncer.sh url [DIR]     print the address of a running one
#
# DIR is that of postgres.sh, whose server must run. The last line of "start" is
# the value for PARVIS_TEST_POOLER: then the tests on PostgreSQL go through it.
#
# It has three connections to the server for each user, so that whatever waits
# for another connection while it holds one is found out. It listens on a Unix
# socket in a closed directory. As root it runs as the user "postgres".
set -eu

here=$(cd "$(dirname "$0")" && pwd)
command=${1:-}
dir=${2:-$here/../.cache/postgres}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
sum=$(printf %s "$dir" | cksum | cut -d' ' -f1)
home=/tmp/parvis-pgb-$(id -u)-$sum # short: a socket's path may have 107 bytes at most
port=6432

# run a program as the user of the server, whose socket is closed to others
as_server() {
	if [ "$(id -u)" = 0 ]; then
		su -s /bin/sh postgres -c 'cd / && exec "$0" "$@"' -- "$@"
	else
		"$@"
	fi
}

running() { [ -s "$home/pid" ] && kill -0 "$(cat "$home/pid")" 2>/dev/null; }

url() { echo "postgres://postgres@/postgres?host=$home&port=$port"; }

start() {
	if running; then
		url
		return
	fi
	"$here/need.sh" /usr/sbin/pgbouncer=pgbouncer >&2
	server=$("$here/postgres.sh" url "$dir")
	socket=${server#*host=}
	rm -rf "$home"
	mkdir -m 0700 "$home"
	cat >"$home/pgbouncer.ini" <<END
[databases]
* = host=$socket
[pgbouncer]
pool_mode = transaction
default_pool_size = 3
max_client_conn = 2000
query_wait_timeout = 20
server_idle_timeout = 5
listen_addr =
listen_port = $port
unix_socket_dir = $home
unix_socket_mode = 0700
auth_type = trust
auth_user = postgres
auth_file = $home/users
logfile = $home/log
pidfile = $home/pid
log_connections = 0
log_disconnections = 0
END
	echo '"postgres" ""' >"$home/users"
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres "$home"
	fi
	if ! as_server /usr/sbin/pgbouncer -q -d "$home/pgbouncer.ini"; then
		tail -n 20 "$home/log" >&2 || true
		exit 1
	fi
	for _ in $(seq 600); do
		running && [ -S "$home/.s.PGSQL.$port" ] && break
		sleep 0.1
	done
	url
}

stop() {
	if running; then
		kill -INT "$(cat "$home/pid")"
		for _ in $(seq 50); do
			running || break
			sleep 0.1
		done
	fi
	rm -rf "$home"
}

case $command in
start) start ;;
stop) stop ;;
url) url ;;
*) sed -n '2,14p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
esac
