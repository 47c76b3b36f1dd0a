#!/bin/bash
# Makes a bare Debian 12 into a whole aiochat: PostgreSQL, Redis and nginx from Debian's packages,
# the service under systemd. Run it again after every pull: it changes only what is not yet so,
# keeps every secret, and restarts one process after another.
#
#   sudo provision/debian.sh [checkout]      the checkout this file lies in, if none is named
#
# Asked for by the environment, and remembered in /etc/aiochat/provision.env:
#   PROCESS_PORTS   ports of the processes, one each    ("8081 8082", one a core up to four)
#   HTTP_PORT       where nginx listens                 (80)
#
# Without systemd (a container, a chroot) everything is laid out but nothing is left running;
# provision/run.sh runs it there.

set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

CODE=/srv/aiochat
VENV=/opt/aiochat
PUBLISHED=/var/www/aiochat/static
CONF=/etc/aiochat
ENV=$CONF/aiochat.env
REDIS_SOCKET=/run/redis-aiochat/redis-server.sock
CHANGES=0
STOP_POSTGRES=

has_systemd() { [ -d /run/systemd/system ]; }
changed() { CHANGES=$((CHANGES + 1)); echo "+ $*"; }
skipped() { echo "- skipped: $*"; }
die() { echo "aiochat: $*" >&2; exit 1; }
quietly() { local out; out=$("$@" 2>&1) || { echo "$out" >&2; die "'$*' failed, see above"; }; }
as_service() { (cd / && setpriv --reuid=aiochat --regid=aiochat --init-groups "$@"); }
as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }
# shellcheck disable=SC2163
with_settings() {
    (
        while IFS= read -r line; do case $line in AIOCHAT_*=*) export "$line" ;; esac; done < $ENV
        cd $CODE && setpriv --reuid=aiochat --regid=aiochat --init-groups "$@"
    )
}
in_python() { (cd $CODE && $VENV/bin/python -B -c "$1"); }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# put TARGET MODE OWNER:GROUP < content; true if anything had to change
put() {
    local new
    new=$(mktemp)
    cat > "$new"
    if cmp -s "$new" "$1" && [ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ]; then
        rm "$new"
        return 1
    fi
    mkdir -p "$(dirname "$1")"
    install -m "$2" -o "${3%:*}" -g "${3#*:}" "$new" "$1"
    rm "$new"
    changed "$1"
}

main() {
    [ "$(id -u)" = 0 ] || die "this script installs packages and services: run it as root, with sudo"
    command -v apt-get > /dev/null || die "this is not Debian: docs/deployment.md says what to do by hand"
    trap at_exit EXIT

    choose "${1:-$(dirname "$(readlink -f "$0")")/..}"
    packages
    people_and_places
    python_environment
    settings
    database
    redis
    static_files
    edge
    service
    if [ "$CHANGES" = 0 ]; then echo "aiochat: nothing to change"; else echo "aiochat: $CHANGES changes"; fi
    farewell
}

choose() {
    SOURCE=$(readlink -f "$1")
    [ -f "$SOURCE/requirements/run.txt" ] || die "$SOURCE is not a checkout of aiochat: name one, as in '$0 /srv/aiochat'"

    local ports=${PROCESS_PORTS:-} http=${HTTP_PORT:-} count
    # shellcheck source=/dev/null
    if [ -f $CONF/provision.env ]; then . $CONF/provision.env; fi
    count=$(nproc)
    count=$((count < 2 ? 2 : count > 4 ? 4 : count))
    PROCESS_PORTS=${ports:-${PROCESS_PORTS:-$(seq -s ' ' 8081 $((8080 + count)))}}
    HTTP_PORT=${http:-${HTTP_PORT:-80}}
    [[ $PROCESS_PORTS =~ ^[0-9]+(\ [0-9]+)*$ ]] || die "PROCESS_PORTS is '$PROCESS_PORTS', and must be port numbers with spaces between"
    [[ $HTTP_PORT =~ ^[0-9]+$ ]] || die "HTTP_PORT is '$HTTP_PORT', and must be a port number"
    put $CONF/provision.env 644 root:root <<- END || true
	# What provision/debian.sh was asked for. Change it and run the script again.
	PROCESS_PORTS="$PROCESS_PORTS"
	HTTP_PORT=$HTTP_PORT
	END
}

# Whoever names other servers in aiochat.env before the first run gets none here.
local_database() { [ ! -f $ENV ] || grep -q '^AIOCHAT_DATABASE_URL=postgresql://aiochat:[^@]*@127\.0\.0\.1:' $ENV; }
local_redis() { [ ! -f $ENV ] || grep -q "^AIOCHAT_REDIS_URL=unix://$REDIS_SOCKET" $ENV; }

packages() {
    local wanted=(ca-certificates curl nginx python3 python3-venv) missing=() name
    if local_database; then wanted+=(postgresql); fi
    if local_redis; then wanted+=(redis-server); fi
    for name in "${wanted[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    # Without systemd the packages would start their services by themselves, on ports of their own.
    local policy=/usr/sbin/policy-rc.d
    if ! has_systemd && [ ! -e $policy ]; then
        POLICY=$policy
        printf '#!/bin/sh\nexit 101\n' | install -m 755 /dev/stdin $policy
    fi
    quietly apt-get -qq update
    quietly apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
    if [ -n "${POLICY:-}" ]; then rm -f "$POLICY"; POLICY=; fi
    changed "packages: ${missing[*]}"

    # aiochat's Redis is an instance of its own; the package's, unasked for, is not left running.
    if has_systemd && [[ " ${missing[*]} " == *" redis-server "* ]]; then
        systemctl disable --now --quiet redis-server.service
    fi
}

people_and_places() {
    if ! getent passwd aiochat > /dev/null; then
        useradd --system --user-group --home-dir /var/lib/aiochat --no-create-home --shell /usr/sbin/nologin aiochat
        changed "user aiochat"
    fi
    if local_redis && [[ " $(id -Gn aiochat) " != *" redis "* ]]; then
        usermod -aG redis aiochat
        changed "user aiochat in group redis"
    fi
    if [ ! -d /var/lib/aiochat ]; then
        install -d -m 700 -o aiochat -g aiochat /var/lib/aiochat
        changed "/var/lib/aiochat"
    fi
    if [ "$SOURCE" != "$(readlink -f $CODE)" ]; then
        if [ -e $CODE ] && [ ! -L $CODE ]; then
            die "$CODE is already there and is not $SOURCE: move it away, or run the script that lies in it"
        fi
        ln -sfn "$SOURCE" $CODE
        changed "$CODE -> $SOURCE"
    fi
    as_service test -r $CODE/requirements/run.txt \
        || die "user aiochat may not read $SOURCE: clone into $CODE, or 'chmod a+rX' the folders on the way"
}

python_environment() {
    if [ ! -x $VENV/bin/pip ]; then
        quietly python3 -m venv --clear $VENV
        changed "$VENV"
    fi
    local stamp
    stamp=$(sha256sum < $CODE/requirements/run.txt)
    [ "$(cat $VENV/requirements.sha256 2> /dev/null)" != "$stamp" ] || return 0
    quietly $VENV/bin/pip install --quiet --no-cache-dir --disable-pip-version-check -r $CODE/requirements/run.txt
    echo "$stamp" > $VENV/requirements.sha256
    changed "Python packages of requirements/run.txt"
}

settings() {
    if [ ! -f $ENV ]; then
        local port
        start_postgres
        port=$(pg_lsclusters -h | sort -k1,1Vr | awk 'NR == 1 {print $3}')
        put $ENV 640 root:aiochat < <(
            sed -e "s|@DATABASE_URL@|postgresql://aiochat:$(random)@127.0.0.1:$port/aiochat|" \
                -e "s|@REDIS_URL@|unix://$REDIS_SOCKET|" \
                -e "s|@SECRET@|$(random)|" $CODE/provision/aiochat.env
        )
    fi
    put /usr/local/bin/aiochat 755 root:root < $CODE/provision/aiochat || true
}

start_postgres() {
    local version name port status
    if [ -z "$(pg_lsclusters -h)" ]; then
        quietly pg_createcluster "$(basename "$(printf '%s\n' /usr/lib/postgresql/* | sort -V | tail -1)")" main
        changed "a PostgreSQL cluster"
    fi
    read -r version name port status _ < <(pg_lsclusters -h | sort -k1,1Vr)
    [[ $status != online* ]] || return 0
    if has_systemd; then
        systemctl start "postgresql@$version-$name.service"
    else
        skipped "systemd is not running: PostgreSQL runs only as long as this script"
        quietly pg_ctlcluster "$version" "$name" start
        STOP_POSTGRES="$version $name"
    fi
}

database() {
    if ! local_database; then
        skipped "the database is elsewhere, as $ENV says"
        return 0
    fi
    start_postgres
    local password port
    password=$(sed -n 's|^AIOCHAT_DATABASE_URL=postgresql://aiochat:\([^@]*\)@.*|\1|p' $ENV)
    port=$(sed -n 's|^AIOCHAT_DATABASE_URL=.*@127\.0\.0\.1:\([0-9]*\)/.*|\1|p' $ENV)
    if ! PGPASSWORD=$password psql -qAt -h 127.0.0.1 -p "$port" -U aiochat -d aiochat -c '' 2> /dev/null; then
        as_postgres psql -q -p "$port" -v ON_ERROR_STOP=1 <<- END
		SELECT 'CREATE ROLE aiochat LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'aiochat') \\gexec
		ALTER ROLE aiochat LOGIN PASSWORD '$password';
		SELECT 'CREATE DATABASE aiochat OWNER aiochat ENCODING ''UTF8'' TEMPLATE template0'
		    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'aiochat') \\gexec
		END
        changed "role and database aiochat"
    fi
}

redis() {
    if ! local_redis; then
        skipped "Redis is elsewhere, as $ENV says"
        return 0
    fi
    local restart=
    if put /etc/redis/redis-aiochat.conf 640 redis:redis < $CODE/provision/redis-aiochat.conf; then restart=1; fi
    if ! has_systemd; then
        skipped "systemd is not running: Redis is not started"
        return 0
    fi
    systemctl enable --quiet redis-server@aiochat.service
    if [ -n "$restart" ]; then
        systemctl restart redis-server@aiochat.service
    else
        systemctl start redis-server@aiochat.service
    fi
}

# The repository's nginx configuration with this machine's ports in it.
nginx_conf() {
    awk -v ports="$PROCESS_PORTS" -v http="$HTTP_PORT" -v ipv6="$([ -e /proc/net/if_inet6 ] && echo 1)" '
        /^ *server 127\.0\.0\.1:[0-9]+/ {
            if (!done++) { n = split(ports, port, " "); for (i = 1; i <= n; i++) { line = $0; sub(/:[0-9]+/, ":" port[i], line); print line } }
            next
        }
        /^ *listen \[::\]:80;/ { if (!ipv6) next }
        /^ *listen / { sub(/80;/, http ";") }
        { print }' $CODE/nginx/aiochat.conf
}

# A copy for nginx under the hash the pages name. The hashes before stay: pages still open want them.
static_files() {
    local hash folder
    hash=$(in_python "from aiochat import assets, settings; print(assets.Assets(settings.STATIC).hash)")
    folder=$PUBLISHED/$hash
    [ ! -d "$folder" ] || return 0
    mkdir -p $PUBLISHED
    rm -rf $PUBLISHED/new
    in_python "from pathlib import Path; from aiochat import assets, settings; assets.Assets(settings.STATIC).publish(Path('$PUBLISHED/new'))"
    chmod -R u=rwX,go=rX $PUBLISHED/new
    mv $PUBLISHED/new "$folder"
    # shellcheck disable=SC2012
    ls -1dt $PUBLISHED/* | tail -n +6 | xargs -r rm -r
    changed "$folder"
}

edge() {
    local reload=
    mkdir -p /etc/nginx/aiochat.d
    if put /etc/nginx/conf.d/aiochat.conf 644 root:root < <(nginx_conf); then reload=1; fi
    # A socket takes two connections; Debian's 768 would end at some 380 people a core.
    if put /etc/nginx/modules-enabled/90-aiochat.conf 644 root:root <<< "worker_rlimit_nofile 32768;"; then reload=1; fi
    if grep -q 'worker_connections 768;' /etc/nginx/nginx.conf; then
        sed -i 's/worker_connections 768;/worker_connections 8192;/' /etc/nginx/nginx.conf
        changed "/etc/nginx/nginx.conf: worker_connections 8192"
        reload=1
    fi
    if [ -L /etc/nginx/sites-enabled/default ]; then
        rm /etc/nginx/sites-enabled/default
        changed "nginx's welcome page is off"
        reload=1
    fi
    quietly nginx -t
    if ! has_systemd; then
        skipped "systemd is not running: nginx is not started"
    elif [ -n "$reload" ]; then
        systemctl reload-or-restart nginx.service
    else
        systemctl start nginx.service
    fi
}

# What a process is made of: when this changes, it is restarted.
release() {
    cd $CODE
    {
        cat $VENV/requirements.sha256 $ENV /etc/systemd/system/aiochat@.service
        find -L aiochat accounts chat helpers templates static -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum
}

service() {
    local reload='' restart='' port unit verb new
    if put /etc/systemd/system/aiochat@.service 644 root:root < "$CODE/provision/aiochat@.service"; then reload=1; fi
    if put /etc/systemd/system/aiochat.target 644 root:root < $CODE/provision/aiochat.target; then reload=1; fi
    if ! has_systemd; then
        skipped "systemd is not running: the processes are not started (provision/run.sh runs them)"
        return 0
    fi
    if [ -n "$reload" ]; then systemctl daemon-reload; fi
    systemctl enable --quiet aiochat.target
    for unit in $(systemctl list-units --all --plain --no-legend 'aiochat@*.service' | awk '{print $1}'); do
        port=${unit#aiochat@}
        if [[ " $PROCESS_PORTS " != *" ${port%.service} "* ]]; then
            systemctl disable --now --quiet "$unit"
            changed "no process on port ${port%.service} any more"
        fi
    done
    new=$(release)
    if [ "$(cat $VENV/release.sha256 2> /dev/null)" != "$new" ]; then restart=1; fi
    for port in $PROCESS_PORTS; do
        verb=start
        # Somebody else's answer on this port would be taken for ours.
        if ! systemctl is-active --quiet "aiochat@$port.service" && (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            die "port $port is taken by another program: choose other ports, as in 'PROCESS_PORTS=\"9001 9002\" $0'"
        fi
        systemctl enable --quiet "aiochat@$port.service"
        if [ -n "$restart" ]; then verb=restart; changed "process on port $port"; fi
        systemctl $verb "aiochat@$port.service" || die "the process on port $port does not start: journalctl -u aiochat@$port says why"
    done
    systemctl start aiochat.target
    echo "$new" > $VENV/release.sha256
}

farewell() {
    has_systemd || return 0
    local link
    echo "aiochat: http://$(hostname)$([ "$HTTP_PORT" = 80 ] || echo ":$HTTP_PORT")/"
    link=$(with_settings $VENV/bin/python -B -c \
        'from aiochat import settings, welcome; print(welcome.setup_token(settings.Settings.read()) or "")')
    if [ -n "$link" ]; then echo "aiochat: whoever opens /setup/$link there first is its admin"; fi
}

at_exit() {
    local code=$?
    if [ -n "${POLICY:-}" ]; then rm -f "$POLICY"; fi
    # shellcheck disable=SC2086
    if [ -n "$STOP_POSTGRES" ]; then pg_ctlcluster $STOP_POSTGRES stop > /dev/null; fi
    exit $code
}

main "$@"
