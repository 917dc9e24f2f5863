# shellcheck shell=bash
# Toolchains as they are installed, for the scripts that source this: by any other name rustup would download one.

# The nightly one, or nothing: `nightly` if it is there, else the latest of those with a date.
installed_nightly() {
    (rustup toolchain list 2>/dev/null || true) | sed -nE 's/^(nightly(-[^ ]*)?)( .*)?$/\1/p' | LC_ALL=C sort | tail -n 1
}
