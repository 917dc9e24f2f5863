#!/usr/bin/env bash
# The same teardowns by a bare loop, by one that asks what a report rests on, by finwait's Closer, by tokio with a task for each
# connection, and by a thread for each (benches/src/bin/contest/), side by side: prints a table for 1,000, 4,000 and 9,000
# connections. Client and server have a core each; each run has a network namespace of its own, where there is a right to one;
# orders alternate.
# With --calls it shows the system calls of one teardown instead, and with --instructions where a teardown's instructions in
# user space go.
# Usage: tools/contest.sh [ROUNDS | --calls | --instructions]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/measure.sh
. tools/measure.sh

# The clock of `contest run` starts and stops with a look at the CPU time: what lies between is one thread's teardowns.
calls() {
    local kind trace
    trace=$(mktemp)
    for kind in floor floor-asks closer closer-own tokio; do
        strace -o "$trace" "$contest" run "$kind" 1000 1 >/dev/null
        awk -v kind="$kind" '
            /^getrusage/ { looks++; next }
            looks == 1 && match($0, /^[a-z_0-9]+\(/) {
                call = substr($0, 1, RLENGTH - 1)
                split($0, part, ", ")
                if (call == "epoll_ctl" || call == "ioctl") call = call " " part[2]
                if (call == "getsockopt") call = call " " part[3]
                if (/ = -1 EAGAIN/) call = call " EAGAIN"
                sub(/[^A-Za-z_0-9 ].*/, "", call)
                n[call]++; all++
            }
            END {
                if (looks != 2) { print "the trace has another form than was thought" > "/dev/stderr"; exit 1 }
                printf "%s: %.2f system calls for each of 1000 teardowns\n", kind, all / 1000
                for (call in n) printf "%8.3f  %s\n", n[call] / 1000, call | "sort -k1,1nr -k2"
                close("sort -k1,1nr -k2")
            }' "$trace"
    done
    rm "$trace"
}

instructions() {
    local profile
    profile=$(mktemp)
    for part in floor:bare::half_close_all closer:closer::close_registered closer-own:closer::close_all; do
        echo "${part%%:*}, instructions in user space of 10,000 teardowns:"
        valgrind -q --tool=callgrind --callgrind-out-file="$profile" --collect-atstart=no \
            --toggle-collect="finwait_benches::${part#*:}*" "$contest" run "${part%%:*}" 1000 10 >/dev/null
        callgrind_annotate --auto=no "$profile" | grep '%)' | head -n 24 | sed 's| \[/.*||'
    done
    rm "$profile"
}

if [ $# -gt 1 ]; then
    echo "one argument at most, not $*" >&2
    exit 2
fi
case ${1:-} in
--help)
    usage "$0"
    exit
    ;;
--calls) need strace strace ;;
--instructions) need valgrind valgrind ;;
*) need_number "ROUNDS (or --calls, or --instructions)" "${1:-5}" ;;
esac
need taskset util-linux unshare util-linux ip iproute2
cargo build --release -p finwait-benches --bin contest
contest=${CARGO_TARGET_DIR:-target}/release/contest
case ${1:-} in
--calls)
    calls
    exit
    ;;
--instructions)
    instructions
    exit
    ;;
esac
rounds=${1:-5}
own_network || echo "no right to a network namespace: TIME-WAIT of one run may slow the next" >&2
need_quiet_machine

# About as many teardowns in each run, and fewer than the kernel keeps in TIME-WAIT.
declare -A batches=([1000]=36 [4000]=9 [9000]=4)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for ((round = 1; round <= rounds; round++)); do
    for count in 1000 4000 9000; do
        kinds=(floor floor-asks closer closer-own tokio)
        [ "$count" -gt 1000 ] || kinds+=(threads)
        for kind in $(in_turn "$round" "${kinds[@]}"); do
            "${network[@]}" taskset -c 1 "$contest" run "$kind" "$count" "${batches[$count]}" 0 | tee -a "$lines" >&2
        done
    done
done
machine
"$contest" table <"$lines"
