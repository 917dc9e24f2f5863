#!/usr/bin/env bash
# Clippy, with warnings as errors, for the systems that nobody here has: all `cfg` branches are compiled, nothing is linked
# or run. Installs what is missing, on Debian 12. Arguments are targets to check instead of all.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

# Windows is the target that tools/windows.sh runs.
triples=(x86_64-apple-darwin aarch64-apple-darwin x86_64-unknown-freebsd x86_64-win7-windows-gnu)
[ $# -eq 0 ] || triples=("$@")
target=${CARGO_TARGET_DIR:-$PWD/target}

need_rustc_with_source
need /usr/bin/cargo-clippy rust-web-clippy

# RUSTC_BOOTSTRAP lets cargo build std, for these targets alone.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1

for triple in "${triples[@]}"; do
    echo "checking for $triple"
    # Debian's cargo-clippy brings the driver beside it, which fits its rustc; it calls the cargo in PATH.
    clippy=(timeout --kill-after=10 20m /usr/bin/cargo-clippy clippy -Z build-std=std --target "$triple" --target-dir "$target/cross")
    # Not the benches themselves: criterion needs a C compiler for the target.
    "${clippy[@]}" --workspace --exclude finwait-benches --all-targets --all-features -- -D warnings
    "${clippy[@]}" -p finwait-benches --lib --bins -- -D warnings
done
