#!/usr/bin/env bash
# The same teardowns by a bare loop, by finwait's Closer, by tokio with a task for each connection, and by a thread for each
# (benches/src/bin/contest/), side by side: prints a table for 1,000, 4,000 and 9,000 connections. Client and server have a
# core each; each run has a network namespace of its own, where there is a right to one; orders alternate.
# Usage: tools/contest.sh [ROUNDS]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/measure.sh
. tools/measure.sh

rounds=${1:-5}
need_rounds "$rounds"
need taskset util-linux unshare util-linux ip iproute2
cargo build --release -p finwait-benches --bin contest
contest=${CARGO_TARGET_DIR:-target}/release/contest
own_network || echo "no right to a network namespace: TIME-WAIT of one run may slow the next" >&2
need_quiet_machine

# About as many teardowns in each run, and fewer than the kernel keeps in TIME-WAIT.
declare -A batches=([1000]=36 [4000]=9 [9000]=4)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for ((round = 1; round <= rounds; round++)); do
    for count in 1000 4000 9000; do
        kinds=(floor closer tokio)
        [ "$count" -gt 1000 ] || kinds+=(threads)
        for kind in $(in_turn "$round" "${kinds[@]}"); do
            "${network[@]}" taskset -c 1 "$contest" run "$kind" "$count" "${batches[$count]}" 0 | tee -a "$lines" >&2
        done
    done
done
machine
"$contest" table <"$lines"
