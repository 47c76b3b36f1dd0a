#!/bin/bash
# aiochat without systemd, in the foreground: for containers, and for trying the provisioning in
# a chroot. Starts what provision/debian.sh laid out, stops all of it on SIGTERM or Ctrl+C, and
# fails as soon as one part of it ends by itself.

set -euo pipefail
export LC_ALL=C.UTF-8

# shellcheck source=/dev/null
. /etc/aiochat/provision.env
PIDS=()
CLUSTER=

stop() {
    trap - EXIT INT TERM
    local at
    # In the opposite order: first the door, last what keeps the data.
    for ((at = ${#PIDS[@]} - 1; at >= 0; at--)); do
        kill -TERM "${PIDS[at]}" 2> /dev/null || true
        wait "${PIDS[at]}" 2> /dev/null || true
    done
    # shellcheck disable=SC2086
    if [ -n "$CLUSTER" ]; then pg_ctlcluster $CLUSTER stop -m fast; fi
    exit "$1"
}
trap 'stop 0' INT TERM
trap 'stop 1' EXIT

start() { "$@" & PIDS+=($!); }
answers() { curl --silent --fail --output /dev/null --max-time 5 --retry 60 --retry-delay 1 --retry-all-errors "$1"; }

if command -v pg_lsclusters > /dev/null; then
    read -r version name _ status _ < <(pg_lsclusters -h | sort -k1,1Vr)
    if [[ $status != online* ]]; then
        pg_ctlcluster "$version" "$name" start
        CLUSTER="$version $name"
    fi
fi
if [ -f /etc/redis/redis-aiochat.conf ]; then
    install -d -m 2755 -o redis -g redis /run/redis-aiochat
    start setpriv --reuid=redis --regid=redis --init-groups redis-server /etc/redis/redis-aiochat.conf --daemonize no
fi
for port in $PROCESS_PORTS; do
    start aiochat serve --host 127.0.0.1 --port "$port"
done
for port in $PROCESS_PORTS; do
    answers "http://127.0.0.1:$port/readyz"
done
start nginx -g 'daemon off;'
answers "http://127.0.0.1:$HTTP_PORT/healthz"
echo "aiochat: http://127.0.0.1:$HTTP_PORT/"
wait -n "${PIDS[@]}"
