#!/usr/bin/env bash
# What it costs to receive a stream and to throw it away (benches/benches/discard.rs): GiB for each second of the receiver's own CPU
# time, and CPU for each byte as a part of a read loop's; medians of rounds in which the order alternates. As it comes over loopback,
# with the sender on another core; with both on one core; and at a Gbit/s in segments of 1,500 bytes, in a network namespace of its own.
# Takes two minutes for each round but for what it installs, on Debian 12. Needs the right to a network namespace.
# Usage: tools/discard.sh [ROUNDS]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/measure.sh
. tools/measure.sh

receivers=(read_loop_64k discard discard_low_water_512k closer_discarding closer_delivering)
if [ "${1:-}" = --help ]; then
    usage "$0"
    exit
fi
if [ $# -gt 1 ]; then
    echo "one word at most, ROUNDS, and not: $*" >&2
    exit 2
fi
rounds=${1-5}
need_number ROUNDS "$rounds"
need taskset util-linux unshare util-linux ip iproute2 tc iproute2
own_network || {
    echo "this needs the right to a network namespace: root, or user namespaces" >&2
    exit 1
}
need_quiet_machine
cargo build -q --release -p finwait-benches --bins
cargo bench -q -p finwait-benches --bench discard --no-run
lines=$(mktemp) said=$(mktemp)
trap 'rm -f "$lines" "$said"' EXIT

# one SETTING RECEIVER COMMAND...: one run of the bench, by the command, if any. Of criterion's line: the middle one of three.
one() {
    "${@:3}" cargo bench -q -p finwait-benches --bench discard -- --warm-up-time 1 --measurement-time 3 "^discard/$2\$" >"$said" 2>&1 || {
        cat "$said" >&2
        exit 1
    }
    awk -v setting="$1" -v receiver="$2" '
        $1 == "thrpt:" && $5 ~ /^[MG]iB\/s$/ { print setting, receiver, $5 ~ /^M/ ? $4 / 1024 : $4; rows++ }
        END { exit rows != 1 }' "$said" | tee -a "$lines" >&2 || {
        echo "no rate in what the bench printed:" >&2
        cat "$said" >&2
        exit 1
    }
}

# Expanded by the shell inside.
# shellcheck disable=SC2016
slow=(sh -euc '
    ip link set lo mtu 1500
    tc qdisc add dev lo root tbf rate 1gbit burst 16kb latency 50ms
    exec "$@"' sh)
for ((round = 1; round <= rounds; round++)); do
    for receiver in $(in_turn "$round" "${receivers[@]}"); do
        one two-cores "$receiver"
        one one-core "$receiver" taskset -c 1
        one gigabit "$receiver" "${network[@]}" "${slow[@]}"
    done
done
machine
awk -v names="${receivers[*]}" -v base="${receivers[0]}" "$awk_median"'
    { n[$1, $2]++; rate[$1, $2, n[$1, $2]] = $3 }
    END {
        settings = split("two-cores one-core gigabit", setting, " ")
        printf "%-24s", ""
        for (s = 1; s <= settings; s++) printf " %10s %7s %13s", setting[s], "ratio", "(of rounds)"
        printf "\n"
        count = split(names, order, " ")
        for (k = 1; k <= count; k++) {
            printf "%-24s", order[k]
            for (s = 1; s <= settings; s++) {
                rounds = n[setting[s], base]
                for (i = 1; i <= rounds; i++) {
                    r[i] = rate[setting[s], order[k], i]
                    q[i] = rate[setting[s], base, i] / r[i]
                }
                m = median(r, rounds)
                ratio = median(q, rounds)
                printf " %10.3f %7.3f %6.2f-%-6.2f", m, ratio, q[1], q[rounds]
            }
            printf "\n"
        }
    }' "$lines"
