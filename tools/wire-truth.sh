#!/usr/bin/env bash
# Holds `finwait load --log` against what was on the wire: every behaviour of the reference server and nginx, in a network
# namespace of its own, with a capture running. What is run stands in wire-truth/cases.txt; the judge, which reads the
# capture and the logs and shares no code with finwait, is wire-truth/judge.py.
#
# usage: tools/wire-truth.sh [--quick] [--keep DIR] [NAME...]
#   --quick     an eighth of the connections
#   --keep DIR  where the capture and the logs are left (default: removed)
#   NAME...     these cases only
# FINWAIT names the command to be tested; without it `cargo build` makes one.
# Exit codes: 0 no disagreement; 1 one at least, or the capture is not complete; 2 usage, or something is missing.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
parts=$here/wire-truth
export PATH=$PATH:/usr/sbin:/sbin
export PYTHONDONTWRITEBYTECODE=1

main() {
    local part=1 keep='' names=()
    while [ $# -gt 0 ]; do
        case $1 in
        --quick) part=8 ;;
        --keep)
            [ $# -gt 1 ] || usage
            keep=$2
            shift
            ;;
        -*) usage ;;
        *) names+=("$1") ;;
        esac
        shift
    done
    local program
    for program in tshark dumpcap nginx ip unshare python3; do
        command -v "$program" >/dev/null || die "needs $program (Debian: tshark nginx-light iproute2 util-linux python3)"
    done
    # The judge first: one that cannot find a fault proves nothing.
    python3 "$parts/selftest.py"
    if [ -z "${FINWAIT:-}" ]; then
        (cd "$here/.." && cargo build --quiet -p finwait-cli)
        FINWAIT=${CARGO_TARGET_DIR:-$here/../target}/debug/finwait
    fi
    FINWAIT=$(realpath "$FINWAIT")
    local work
    if [ -n "$keep" ]; then
        # What an earlier run has left would be taken for signs of this one.
        [ ! -e "$keep" ] || die "--keep $keep: is there already; give a new folder"
        mkdir -p "$keep"
        work=$(realpath "$keep")
    else
        work=$(mktemp -d)
        # shellcheck disable=SC2064 # the folder of now
        trap "rm -rf '$work'" EXIT
    fi
    # Without root a user namespace gives the rights in the network namespace that a capture needs.
    local user=()
    [ "$(id -u)" -eq 0 ] || user=(-r)
    export FINWAIT
    # With a process namespace nothing outlives the run.
    unshare -n -p -f --kill-child --mount-proc "${user[@]}" -- "$0" --inside "$work" "$part" "${names[@]}"
    python3 "$parts/judge.py" "$work/wire.pcapng" "$work/manifest"
}

usage() {
    sed -n '6,9s/^# //p' "$0" >&2
    exit 2
}

die() {
    echo "wire-truth: $*" >&2
    exit 2
}

# ---- inside the namespace

inside() {
    work=$1 part=$2
    shift 2
    wanted=" $* "
    ip link set lo up
    ulimit -n "$(ulimit -Hn)"
    : >"$work/manifest"
    start_capture
    start_nginx
    local number=0 running=0 failed=0 name server count target options
    while IFS='|' read -r name server count target options; do
        name=${name%% *}
        if [ -z "$name" ] || [ "${name:0:1}" = '#' ]; then
            continue
        fi
        number=$((number + 1))
        if [ "$wanted" != '  ' ] && [[ $wanted != *" $name "* ]]; then
            continue
        fi
        # Some at once: most of what they do is to wait.
        if [ $running -ge 6 ]; then
            wait -n -p finished "${jobs[@]}" || failed=1
            unset "jobs[$finished]"
            running=$((running - 1))
        fi
        run_case "$name" $((20000 + number)) "$server" "$count" "$target" "$options" &
        jobs[$!]=$!
        running=$((running + 1))
    done <"$parts/cases.txt"
    local job
    for job in "${jobs[@]}"; do
        wait "$job" || failed=1
    done
    kill "$nginx"
    wait "$nginx" || true
    stop_capture
    [ $failed -eq 0 ] || die "a case could not be run"
}

declare -A jobs=() nginx_ports=()

# until_true COMMAND...: waits for it, for 20 s at most.
until_true() {
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        if "$@"; then
            return
        fi
        sleep 0.05
    done
    die "in vain: $*"
}

# A datagram with a text of its own shows how far the capture has come.
mark() {
    echo "wire-truth-$1" >/dev/udp/127.0.0.1/9 || true
}

marked() {
    mark "$1"
    [ -f "$work/wire.pcapng" ] && tail -c 65536 "$work/wire.pcapng" | grep -qa "wire-truth-$1"
}

start_capture() {
    # The buffer in MiB is far more than a case fills in the time that dumpcap may have to wait. Heads are all that the judge
    # needs, and of HTTP the first of a body.
    dumpcap -q -i lo -B 128 -s 2048 -f 'tcp or udp port 9' -w "$work/wire.pcapng" 2>"$work/dumpcap.err" &
    dumpcap=$!
    until_true marked begin
}

stop_capture() {
    until_true marked end
    kill -INT "$dumpcap"
    wait "$dumpcap" || die "dumpcap failed: $(cat "$work/dumpcap.err")"
    local counts
    counts=$(grep -o 'received/dropped on interface.*' "$work/dumpcap.err") || die "dumpcap said nothing of drops"
    echo "capture: packets $counts"
    [[ $counts == *"/0 "* ]] || die "the capture is not complete"
}

start_nginx() {
    mkdir -p "$work/www"
    printf 'hello\n' >"$work/www/small"
    head -c 400000 /dev/zero >"$work/www/big"
    local config names name port=19000
    config=$(<"$parts/nginx.conf")
    mapfile -t names < <(grep -o 'PORT_[a-z_]*' "$parts/nginx.conf")
    for name in "${names[@]}"; do
        port=$((port + 1))
        config=${config/"$name "/"$port "}
        nginx_ports[${name#PORT_}]=$port
    done
    echo "${config//WORK/$work}" >"$work/nginx.conf"
    nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.start" &
    nginx=$!
    until_true listens "$port"
}

listens() {
    # In the kernel's table addresses are hexadecimal, and 0A is LISTEN.
    grep -qhE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6
}

run_case() {
    local name=$1 port=$2 kind count=$4 target=${5// /} host=127.0.0.1 server='' scheme=''
    local arguments options
    read -r kind arguments <<<"$3"
    read -ra options <<<"$6"
    case $kind in
    raw) start_server "$name" "$host:$port" "$arguments" ;;
    raw6)
        host='[::1]'
        start_server "$name" "$host:$port" "$arguments"
        ;;
    http) start_server "$name" "$host:$port" "--http $arguments" ;;
    full)
        python3 "$parts/full.py" "$port" >"$work/$name.server" &
        server=$!
        until_true grep -qs listening "$work/$name.server"
        ;;
    nginx) port=${nginx_ports[${arguments// /}]} ;;
    nobody) ;;
    *) die "$name: what server is '$kind'?" ;;
    esac
    count=$((count / part))
    [ $count -ge 8 ] || count=8
    local url=$host:$port
    if [ "$target" != - ]; then
        scheme=http://
        url+=$target
    fi
    # Its exit code says how good the server was.
    local code=0
    timeout 120 "$FINWAIT" load "$scheme$url" -n $count "${options[@]}" --quiet --json --log "$work/$name.log" \
        >"$work/$name.json" 2>"$work/$name.err" || code=$?
    if [ -n "$server" ]; then
        # Twice: at once.
        kill -INT "$server"
        kill -INT "$server" 2>/dev/null || true
        wait "$server" || true
    fi
    [ -s "$work/$name.log" ] || die "$name: finwait load wrote no log (exit code $code): $(cat "$work/$name.err")"
    local listens=true
    [ "$kind" != nobody ] || listens=false
    printf '{"case":"%s","port":%d,"log":"%s","listens":%s,"options":"%s"}\n' \
        "$name" "$port" "$work/$name.log" $listens "${options[*]}" >>"$work/manifest"
}

# start_server NAME ADDR ARGUMENTS: sets `server`.
start_server() {
    local arguments
    read -ra arguments <<<"$3"
    "$FINWAIT" serve "$2" --threads 2 "${arguments[@]}" >"$work/$1.server" 2>"$work/$1.server.err" &
    server=$!
    until_true grep -qs listening "$work/$1.server"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
else
    main "$@"
fi
