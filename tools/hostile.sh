#!/bin/sh
# Measures what hostile peers cost honest ones (benches/src/bin/hostile.rs), in a network namespace of its own: no TIME-WAIT
# of the run before, and receive buffers that a thousand floods cannot fill the machine's memory with. Needs root, unshare, ip.
# Usage: tools/hostile.sh [ROUNDS]
set -eu
cd "$(dirname "$0")/.."
cargo build --release -p finwait-benches --bin hostile
target=${CARGO_TARGET_DIR:-target}
# Expanded by the shell inside.
# shellcheck disable=SC2016
exec unshare -n sh -euc '
    ip link set lo up
    echo 4096 131072 1048576 >/proc/sys/net/ipv4/tcp_rmem
    echo 4096 16384 1048576 >/proc/sys/net/ipv4/tcp_wmem
    exec "$0" "$@"' "$target/release/hostile" "$@"
