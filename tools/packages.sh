# shellcheck shell=bash
# Debian packages, for the scripts that source this. As root, or with a sudo that asks no password.

apt_install() {
    local as=()
    [ "$(id -u)" -eq 0 ] || as=(sudo -n)
    # The lock may be held by another installation, for a while.
    local apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update
    "${apt[@]}" install -y --no-install-recommends "$@"
}

# need WHAT PACKAGE ...: installs the packages of which the command, or the file, is missing.
need() {
    local missing=()
    while [ $# -gt 0 ]; do
        [ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    if [ ${#missing[@]} -gt 0 ]; then
        apt_install "${missing[@]}"
    fi
}

# Debian's own rustc, which lies beside the library's source: with it cargo builds std for a target that rustup would have
# to download.
need_rustc_with_source() {
    need /usr/bin/rustc rustc-web /usr/lib/rustlib/src/rust/library/std/src/lib.rs rust-web-src
}

# For tools/windows.sh.
need_windows() {
    need_rustc_with_source
    need x86_64-w64-mingw32-gcc mingw-w64 /usr/lib/wine/wine64 wine64
}

# For tools/cross-check.sh. The driver beside this cargo-clippy fits that rustc.
need_cross_check() {
    need_rustc_with_source
    need /usr/bin/cargo-clippy rust-web-clippy
}
