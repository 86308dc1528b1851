#!/bin/sh
# Compiles the Rust sources for every other architecture, without linking: both libraries, and warnings are errors. The compiler is fetched
# as for `make cross`. The last line is `N passed, N failed`.
#   ARCH   architectures as Debian names them, or musl-amd64, musl-arm64 (all)
# Example: make cross-check ARCH="armhf s390x"
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh

# One compiler has all targets: cargo works on several at a time.
compiles() {
    targets=
    for architecture in ${ARCH:-$(target/release/vm architectures)}; do
        settings=$(target/release/vm toolchain --arch "$architecture" --rust-only) || return
        eval "$settings"
        targets="$targets --target $TARGET"
    done
    export RUSTFLAGS="--deny warnings"
    # shellcheck disable=SC2086 # two words for each target
    "$cargo" check --quiet --locked --package libnumars --no-default-features --target-dir target/cross/check $targets
}

check "the Rust sources for other architectures" compiles
finish
