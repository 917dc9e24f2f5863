#!/usr/bin/env bash
# Fuzzes what finwait is fed by others; fuzz/fuzz_targets has a file for each target. Needs a nightly toolchain, cargo-fuzz
# and a C++ compiler.
#
# tools/fuzz.sh SECONDS [TARGET...]: each target for so many seconds, all of them if none is named. What it finds goes to
# target/fuzz/artifacts, what it tries next time besides fuzz/corpus to target/fuzz/corpus.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/toolchain.sh
. tools/toolchain.sh

if ! [[ ${1:-} =~ ^[0-9]+$ ]]; then
    echo "usage: tools/fuzz.sh SECONDS [TARGET...]" >&2
    exit 2
fi
seconds=$1
shift
[ $# -gt 0 ] || set -- machine framing results values arguments
target=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
# Where `.ci/run install` puts cargo-fuzz.
export PATH=$PATH:${CARGO_TARGET_DIR:-$PWD/target}/tools/bin

die() {
    echo "tools/fuzz.sh: $*" >&2
    exit 2
}

toolchain=$(installed_nightly)
[ -n "$toolchain" ] || die "needs a nightly toolchain: rustup toolchain install nightly"
cargo "+$toolchain" fuzz --version >/dev/null 2>&1 || die "needs cargo-fuzz: .ci/run install, or cargo install cargo-fuzz"

fuzz() {
    local command=$1
    shift
    cargo "+$toolchain" fuzz "$command" --fuzz-dir fuzz --target-dir "$target" "$@"
}

# The lock file is what was tried; cargo-fuzz itself would change it unseen.
cargo "+$toolchain" fetch --locked --manifest-path fuzz/Cargo.toml
fuzz build
for name; do
    echo "fuzzing $name for $seconds s"
    mkdir -p "$target/corpus/$name" "$target/artifacts/$name"
    fuzz run "$name" "$target/corpus/$name" "fuzz/corpus/$name" -- -max_total_time="$seconds" -max_len=2048 \
        -len_control=0 -timeout=25 -artifact_prefix="$target/artifacts/$name/" -print_final_stats=1 \
        2>"$target/log" || {
        tail -n 60 "$target/log" >&2
        exit 1
    }
    grep -E '^(Done|stat::number_of_executed_units)' "$target/log"
done
