#!/bin/sh
# What it costs to receive a stream and throw it away (benches/benches/discard.rs): with a core for each side, with both on one core,
# and at a Gbit/s in segments of 1,500 bytes, in a network namespace of its own. CPU time of the receiver alone, of the read loop's.
# Takes four minutes, and one more for each round. Needs root, unshare, ip, tc, taskset.
# Usage: tools/discard.sh [ROUNDS], of the first
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-1}
case $rounds in
'' | *[!0-9]* | 0)
    echo "tools/discard.sh: $rounds: expected a number of rounds" >&2
    exit 2
    ;;
esac
for needed in unshare ip tc taskset; do
    command -v "$needed" >/dev/null || {
        echo "tools/discard.sh: needs $needed" >&2
        exit 2
    }
done
cargo build --release -p finwait-benches --bins
cargo bench -p finwait-benches --bench discard --no-run

said=$(mktemp)
trap 'rm "$said"' EXIT

# The bench, run by the command in "$@", if any; of criterion's lines: GiB for each CPU second, and CPU of the first row's.
table() {
    "$@" cargo bench -q -p finwait-benches --bench discard 2>"$said" | awk '
        /^discard\// { name = substr($1, 9) }
        $1 == "thrpt:" && $5 ~ /iB\/s$/ {
            rate = $5 ~ /^MiB/ ? $4 / 1024 : $4
            if (!first) first = rate
            printf "%-24s %8.2f %6.2f\n", name, rate, first / rate
            rows++
        }
        END { exit rows != 5 }' || {
        cat "$said" >&2
        exit 1
    }
}

printf '%s, %s, %s\n' "$(date -u +%FT%TZ)" "Linux $(uname -r)" "load averages $(cut -d' ' -f1-3 /proc/loadavg)"
printf '%-24s %8s %6s\n' '' GiB/s ratio
for round in $(seq "$rounds"); do
    echo "a core for each side, round $round of $rounds"
    table
done
echo "both on one core"
table taskset -c 1
echo "1 Gbit/s"
table unshare -n sh -euc '
    ip link set lo mtu 1500 up
    tc qdisc add dev lo root tbf rate 1gbit burst 16kb latency 50ms
    exec "$@"' sh
