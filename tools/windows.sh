#!/usr/bin/env bash
# The tests on Windows, without Windows: built with mingw, run under Wine. Installs what is missing, on Debian 12.
# Arguments go on to `cargo test`: `tools/windows.sh -p finwait-platform --test contract -- --nocapture`.
# What Wine cannot show is listed in docs/portability.md.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

# Not x86_64-pc-windows-gnu: that needs bcryptprimitives.dll, which Wine 8 does not have.
triple=x86_64-win7-windows-gnu
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target"
# Wine takes no other.
target=$(realpath "$target")
wine=/usr/lib/wine/wine64 wineserver=/usr/lib/wine/wineserver64

need_windows

# RUSTC_BOOTSTRAP lets cargo build std, for this target alone. It lies in the target folder, as everything does.
export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_X86_64_WIN7_WINDOWS_GNU_RUNNER=$wine
export WINEPREFIX=$target/wine WINEARCH=win64 WINEDEBUG=-all
# Nobody is asked to install Mono and Gecko, which no test needs.
export WINEDLLOVERRIDES='mscoree,mshtml='
# Tests hold thousands of sockets.
ulimit -n "$(ulimit -Hn)"

if [ ! -e "$WINEPREFIX/ready" ]; then
    mkdir -p "$WINEPREFIX"
    # The first start takes 20 seconds, which are no test's.
    timeout --kill-after=10 5m "$wine" wineboot --init
    touch "$WINEPREFIX/ready"
fi

# One server for all tests: it takes a second to start, and a program that comes just as the last one ends may find none.
timeout 60 "$wineserver" -w || true
"$wineserver" -p60 </dev/null >/dev/null 2>&1 || true
trap '"$wineserver" -k || true' EXIT

run() {
    timeout --kill-after=10 20m cargo test -Z build-std=std,panic_abort --target "$triple" --target-dir "$target/windows" "$@"
}

if [ $# -gt 0 ]; then
    run "$@"
    exit
fi
# The tests of finwait-probe run there too, file by file; all at once they take longer than the rest together.
run -p finwait-platform -p finwait -p finwait-peer -p finwait-load -p finwait-cli
# The command for Windows against this system's, which the usual compiler builds, and against itself.
exe=$target/windows/$triple/debug/finwait.exe
env -u RUSTC -u RUSTDOC -u RUSTC_BOOTSTRAP FINWAIT_WINDOWS_EXE="$exe" timeout --kill-after=10 20m \
    cargo test -p finwait-cli --test windows_command -- --ignored
