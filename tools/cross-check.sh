#!/usr/bin/env bash
# Clippy, with warnings as errors, for the systems that nobody here has: all `cfg` branches are compiled, nothing is linked
# or run. Installs what is missing, on Debian 12. Arguments are targets to check instead of all.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

# Windows is the target that most people have there; the one that tools/windows.sh runs differs from it in std alone.
triples=(x86_64-apple-darwin aarch64-apple-darwin x86_64-unknown-freebsd x86_64-pc-windows-msvc)
# They have a file of their own in finwait-platform; the other crates cannot tell them from FreeBSD.
platform_triples=(x86_64-unknown-netbsd x86_64-unknown-openbsd)
if [ $# -gt 0 ]; then
    triples=("$@") platform_triples=()
fi
target=${CARGO_TARGET_DIR:-$PWD/target}

need_cross_check
# RUSTC_BOOTSTRAP lets cargo build std, for these targets alone.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
# Nothing here is ever run, and five times std is large.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0

# check TARGET ARGUMENT...: it calls the cargo in PATH, with the clippy-driver beside itself.
check() {
    local triple=$1
    shift
    echo "checking for $triple: $*"
    timeout --kill-after=10 20m /usr/bin/cargo-clippy clippy -Z build-std=std --target "$triple" \
        --target-dir "$target/cross" --keep-going "$@" -- -D warnings
}

for triple in "${triples[@]}"; do
    # Not the benches themselves: criterion needs a C compiler for the target.
    check "$triple" --workspace --exclude finwait-benches --all-targets --all-features
    check "$triple" -p finwait-benches --lib --bins
done
for triple in "${platform_triples[@]}"; do
    check "$triple" -p finwait-platform --all-targets
done
