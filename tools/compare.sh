#!/usr/bin/env bash
# `finwait load` against one nginx, beside wrk and ab with `Connection: close` and beside a bare loop (benches/src/bin/floor.rs)
# that does the same exchange; and against `finwait serve`, beside the bare loop. Prints connections per second, CPU time of the
# client and sleeps of the server for each, and ratios: medians of rounds in which the order alternates. Client and server have a
# core each, and each run a network namespace of its own. Installs what is missing, on Debian 12.
# Usage: tools/compare.sh [ROUNDS [SECONDS [PART...]]] | --where [SECONDS]
# PART is web (nginx), echo (the echo server) or full (the echo server, with all ports in TIME-WAIT); all of them unless said.
# --where: what the client's CPU time of one connection goes to, in a storm and in the closed loop, sampled by perf.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/measure.sh
. tools/measure.sh

# All of them have the same.
at_once=100
storm=9000
waves=19000
# The addresses that `full` connects from.
addresses=127.0.0.1-127.0.0.4
# In a network of its own any port is free.
port=8080
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
finwait=$target/release/finwait
floor=$target/release/floor
url=http://127.0.0.1:$port/
# A second of CPU time, by perf.
samples=8000

# ---- inside a network of its own

# Prints the number that comes after what matches $1 in the client's output.
number_after() {
    local number
    number=$(sed -nE "s|.*$1 *([0-9.]+).*|\1|p" "$work/out" | head -n 1)
    if [ -z "$number" ]; then
        echo "no rate in what the client printed:" >&2
        cat "$work/out" >&2
        exit 1
    fi
    echo "$number"
}

# A rate of failures says nothing.
refuse() {
    if grep -E "$1" "$work/out" >&2; then
        echo "not all connections went well" >&2
        exit 1
    fi
}

# Runs a client, and keeps what it printed and the seconds of CPU time that it took.
client() {
    local TIMEFORMAT='%U %S'
    # Its own stderr goes with its stdout; what is left on this one is the time.
    { time "${profile[@]}" taskset -c 1 "$@" >"$work/out" 2>&1; } 2>"$work/cpu" || {
        # What it says of itself; the lines of a result are many.
        grep -vE '^[ {}]' "$work/out" >&2 || true
        exit 1
    }
}

# Runs one client and prints its connections, or teardowns, per second.
rate_of() {
    case $1 in
    load | load-fin)
        local how=half
        [ "$1" = load ] || how=fin
        client "$finwait" load "$url" -c "$at_once" -z "${seconds}s" --threads 1 --close "$how" --json -q --fail-if 'bad.rate>0'
        number_after '"finished_per_s":'
        ;;
    wrk)
        client wrk -t 1 -c "$at_once" -d "${seconds}s" -H 'Connection: close' "$url"
        refuse 'Socket errors|Non-2xx'
        number_after 'Requests/sec:'
        ;;
    ab)
        # -n after -t, which has a number of its own.
        client ab -q -t "$seconds" -n 100000000 -c "$at_once" "$url"
        refuse '^Failed requests: +[1-9]|^Non-2xx'
        number_after 'Requests per second:'
        ;;
    floor | floor-fin)
        local first=half
        [ "$1" = floor ] || first=fin
        client "$floor" http "127.0.0.1:$port" "$at_once" "$seconds" / "$first"
        number_after '^'
        ;;
    churn)
        client "$finwait" load "127.0.0.1:$port" -c "$at_once" -z "${seconds}s" --threads 1 --json -q --fail-if 'bad.rate>0'
        number_after '"finished_per_s":'
        ;;
    churn-floor)
        client "$floor" churn "127.0.0.1:$port" "$at_once" "$seconds"
        number_after '^'
        ;;
    storm)
        client "$finwait" load "127.0.0.1:$port" --storm -n "$storm" -c "$storm" --threads 1 --json -q --fail-if 'bad.rate>0'
        number_after '"teardown_per_s":'
        ;;
    waves-*)
        # As many in all, so that as many are in TIME-WAIT at the end.
        client "$finwait" load "127.0.0.1:$port" --storm -n "$waves" -c "${1#waves-}" --threads 1 --json -q --fail-if 'bad.rate>0'
        number_after '"teardown_per_s":'
        ;;
    storm-floor | storm-asks)
        local way=storm
        [ "$1" = storm-floor ] || way="storm-asks"
        client "$floor" "$way" "127.0.0.1:$port" "$storm"
        number_after '^'
        ;;
    full | full-one)
        local from=()
        [ "$1" = full-one ] || from=(--source-ip "$addresses")
        fill
        client "$finwait" load "127.0.0.1:$port" -c "$at_once" -n $((ports * seconds)) --threads 1 "${from[@]}" --json -q --fail-if 'bad.rate>0'
        number_after '"finished_per_s":'
        ;;
    full-floor)
        fill
        client "$floor" count "127.0.0.1:$port" "$at_once" $((ports * seconds))
        number_after '^'
        ;;
    ports)
        # With ports enough for all of it.
        allow_ports 1024 65535
        client "$floor" churn "127.0.0.1:$port" "$at_once" 2
        number_after '^'
        ;;
    esac
}

# allow_ports FIRST LAST: which ones the system may choose from, in this network.
allow_ports() {
    echo "$1 $2" >/proc/sys/net/ipv4/ip_local_port_range
}

# Leaves the system `ports` ports to choose from, each of which is in TIME-WAIT towards the server, for so long that it
# may be taken again.
fill() {
    local first=20000 last part=8000 next in_time_wait
    last=$((first + ports - 1))
    for ((next = first; next <= last; next += part)); do
        part=$((last - next + 1 < part ? last - next + 1 : part))
        allow_ports "$next" $((next + part - 1))
        # As many connections at once as there are ports: it ends well only if each has had one.
        client "$floor" storm "127.0.0.1:$port" "$part"
    done
    allow_ports "$first" "$last"
    in_time_wait=$(sed -nE 's/^TCP:.* tw ([0-9]+) .*/\1/p' /proc/net/sockstat)
    # Some few are freed at once: a segment that was overtaken finds the server's end gone, which an RST answers (RFC 1337).
    if ((in_time_wait * 100 < ports * 95)); then
        echo "of $ports ports $in_time_wait are in TIME-WAIT" >&2
        exit 1
    fi
    sleep 1.2
    sleeps >"$work/slept"
}

nginx_conf() {
    cat <<END
daemon off;
master_process off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log;
worker_rlimit_nofile 4096;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$port backlog=4096;
        root $work/www;
    }
}
END
}

# Starts the server of this client, waits until it listens, and sees to its end.
start_server() {
    case $1 in
    churn* | storm* | waves* | full* | ports)
        taskset -c 0 "$finwait" serve "127.0.0.1:$port" --threads 1 >"$work/server" 2>&1 &
        ;;
    *)
        mkdir "$work/www"
        head -c 612 /dev/zero | tr '\0' . >"$work/www/index.html"
        nginx_conf >"$work/nginx.conf"
        taskset -c 0 nginx -p "$work" -e "$work/error.log" -c "$work/nginx.conf" >"$work/server" 2>&1 &
        ;;
    esac
    server=$!
    # It has files of its own to remove.
    trap '{ kill "$server"; wait "$server"; } 2>/dev/null || true' EXIT
    for ((tries = 0; tries < 500; tries++)); do
        if [ -n "$(ss -Hltn "sport = :$port")" ]; then
            return
        fi
        sleep 0.01
    done
    echo "the server does not listen:" >&2
    cat "$work/server" "$work/error.log" >&2 || true
    exit 1
}

# How often the server has gone to sleep so far. To be woken costs whoever wakes it.
sleeps() {
    cat "/proc/$server/task"/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

# One run, in the network that this process is in: prints NAME RATE USER SYSTEM SLEEPS, the times in seconds.
if [ "${1:-}" = --inside ]; then
    name=$2 seconds=$3 work=$4 ports=$5 profile=()
    [ -z "$6" ] || profile=(perf record -q -F "$samples" -e cpu-clock -g -o "$6")
    ulimit -n "$(ulimit -Hn)"
    start_server "$name"
    rate=$(rate_of "$name")
    connections=
    [[ $name != full* ]] || connections=$((ports * seconds))
    slept=$(sleeps)
    if [ -f "$work/slept" ]; then
        slept=$((slept - $(cat "$work/slept")))
    fi
    echo "$name $rate $(cat "$work/cpu") $slept $connections"
    exit
fi

# ---- outside

# table TITLE BASE NAME...: medians, and medians of the rounds' ratios to BASE. CPU time, and how often the server went to
# sleep, are shown for closed loops. Their number of connections is the sixth word, or else rate by time.
table() {
    awk -v title="$1" -v base="$2" -v names="${*:3}" -v seconds="$seconds" "$awk_median"'
        {
            n[$1]++; rate[$1, n[$1]] = $2; user[$1, n[$1]] = $3; cpu[$1, n[$1]] = $3 + $4
            slept[$1, n[$1]] = $5
            count_of[$1, n[$1]] = $6 ? $6 : $2 * seconds
        }
        END {
            rounds = n[base]
            printf "%s; medians of %d rounds\n", title, rounds
            printf "%-12s %10s %10s %10s %8s", "", "per second", "lowest", "highest", "ratio"
            if (base ~ /^(storm|waves)/) printf "\n"
            else printf " %10s %10s %10s\n", "CPU us", "user us", "sleeps"
            count = split(names, order, " ")
            for (k = 1; k <= count; k++) {
                name = order[k]
                if (n[name] != rounds) { print name ": rounds are missing" > "/dev/stderr"; exit 1 }
                for (i = 1; i <= rounds; i++) {
                    r[i] = rate[name, i]; q[i] = r[i] / rate[base, i]
                    each = count_of[name, i] / 1e6
                    c[i] = cpu[name, i] / each; u[i] = user[name, i] / each
                    s[i] = slept[name, i] / each / 1e6
                }
                m = median(r, rounds)
                printf "%-12s %10.0f %10.0f %10.0f %8.3f", name, m, r[1], r[rounds], median(q, rounds)
                if (name ~ /^(storm|waves)/) printf "\n"
                else printf " %10.1f %10.1f %10.2f\n", median(c, rounds), median(u, rounds), median(s, rounds)
            }
            printf "\n"
        }' "$lines"
}

if [ "${1:-}" = --help ]; then
    usage "$0"
    exit
fi
if [ "${1:-}" = --where ]; then
    if [ $# -gt 2 ]; then
        echo "--where has one word at most behind it, SECONDS, and not: ${*:2}" >&2
        exit 2
    fi
    rounds=1
else
    rounds=${1:-5}
fi
seconds=${2:-5}
parts=("${@:3}")
[ ${#parts[@]} -gt 0 ] || parts=(web echo full)
web=() echo=() full=()
for part in "${parts[@]}"; do
    case $part in
    web) web=(load load-fin wrk ab floor floor-fin) ;;
    echo) echo=(churn churn-floor storm storm-asks storm-floor waves-1000 waves-4000 waves-19000) ;;
    full) full=(full full-one full-floor) ;;
    *)
        echo "PART is web, echo or full, not $part" >&2
        exit 2
        ;;
    esac
done
need_number ROUNDS "$rounds"
need_number SECONDS "$seconds"
if [ "${1:-}" = --where ]; then
    need perf linux-perf
else
    need nginx nginx-light wrk wrk ab apache2-utils
fi
need taskset util-linux unshare util-linux ip iproute2 ss iproute2
cargo build --release -p finwait-cli -p finwait-benches --bin finwait --bin floor
# Without one the TIME-WAIT of each run would slow the next.
own_network || {
    echo "this needs the right to a network namespace: root, or user namespaces" >&2
    exit 1
}
need_quiet_machine

lines=$(mktemp)
trap 'rm -f "$lines" "$lines.run" "$lines.perf"' EXIT

# run NAME [PORTS [PROFILE]]: one run, in a network of its own; the client's samples go to the file PROFILE.
run() {
    local work status=0
    work=$(mktemp -d)
    # nginx started by root reads its files as somebody else.
    chmod 755 "$work"
    "${network[@]}" "$PWD/tools/compare.sh" --inside "$1" "$seconds" "$work" "${2:-}" "${3:-}" || status=$?
    rm -r "$work"
    return "$status"
}

# A round with all ports in TIME-WAIT; all of it counts, or nothing. A run is refused where the machine went so much faster
# than before that the ports did not last.
full_round() {
    local name ports line all=
    # A quarter more than the floor takes in a second: from one address they can last, half of them cannot. An even
    # number: of an odd one the system's search leaves one out.
    ports=$(run ports | awk '{ print 2 * int($2 * 1.25 / 2) }') || return
    for name in $(in_turn "$round" "${full[@]}"); do
        line=$(run "$name" "$ports") || return
        echo "$line" >&2
        all+=$line$'\n'
    done
    printf '%s' "$all" >>"$lines"
}

# Prints where the client's CPU time goes, in microseconds for each connection: of one run each.
where() {
    local name connections from to
    for name in storm storm-floor churn churn-floor; do
        # perf would keep the one before under another name.
        rm -f "$lines.perf"
        run "$name" '' "$lines.perf" | tee "$lines.run" >&2
        connections=$storm from=shutdown to=close
        if [[ $name = churn* ]]; then
            connections=$(awk -v seconds="$seconds" '{ print $2 * seconds }' "$lines.run")
            from='' to=''
        fi
        perf script -i "$lines.perf" -F time,ip,sym,dso 2>/dev/null |
            awk -v name="$name" -v period=$((1000000 / samples)) -v connections="$connections" -v from="$from" -v to="$to" \
                -f tools/where.awk >>"$lines" || {
            echo "perf has no samples of $name" >&2
            exit 1
        }
    done
    machine
    awk -f tools/where-table.awk "$lines"
}
if [ "${1:-}" = --where ]; then
    where
    exit
fi

for ((round = 1; round <= rounds; round++)); do
    for name in $(in_turn "$round" "${web[@]}" "${echo[@]}"); do
        run "$name" | tee -a "$lines" >&2
    done
    [ ${#full[@]} -gt 0 ] || continue
    for ((tries = 1; ; tries++)); do
        if full_round; then
            break
        elif ((tries == 5)); then
            exit 1
        fi
        echo "with other ports again" >&2
    done
done
machine
if [ ${#web[@]} -gt 0 ]; then
    table "nginx, $at_once at once, ${seconds} s, Connection: close" floor "${web[@]}"
    table "the same, of wrk's rate" wrk load load-fin floor-fin wrk
    table "the same, of ab's rate" ab load load-fin floor-fin ab
fi
if [ ${#echo[@]} -gt 0 ]; then
    table "finwait serve, $at_once at once, ${seconds} s" churn-floor churn churn-floor
    table "finwait serve, $storm at once, all closed together" storm-floor storm storm-asks storm-floor
    table "finwait serve, $waves in all, so many at once closed together" waves-1000 waves-1000 waves-4000 waves-19000
fi
if [ ${#full[@]} -gt 0 ]; then
    table "finwait serve, $at_once at once, all ports in TIME-WAIT when the clock starts" full-floor "${full[@]}"
fi
