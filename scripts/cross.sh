#!/bin/sh
# Builds for other architectures, on any amd64 machine with Debian 12: the library, the archive, the C tests and the Debian packages, into
# target/cross/ARCH. Compilers and C libraries are fetched and unpacked below target/vm (or NUMARS_VM_CACHE); nothing is installed.
#   ARCH      architectures as Debian names them, or musl-amd64, musl-arm64 (all)
#   C_TESTS   the C tests, as any/bitmask (all)
#   PACKAGES  no: without the Debian packages
# Example: make cross ARCH="arm64 s390x"
set -eu
cd "$(dirname "$0")/.."

build() { # architecture
    out=target/cross/$1 stage=$PWD/target/cross/$1/stage
    settings=$(target/release/vm --arch "$1" toolchain)
    eval "$settings"
    make --no-print-directory --silent stage BUILD="$out/c" STAGE="$stage"
    # As on every architecture, it needs the C library alone: not libgcc_s, for example.
    needed=$("$READELF" --dynamic "$out/c/libnumars.so.1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | xargs)
    case $needed in
    libc.so | libc.so.6) ;;
    *) echo "the library for $1 needs more than libc: $needed" >&2 && exit 1 ;;
    esac
    # Debian has neither libcheck nor packages for musl; `make musl-test` has its own ways.
    case $1 in musl-*) return ;; esac
    make --no-print-directory --silent -j2 -f tests-c/Makefile OUT="$out" STAGE="$stage" BUILD="$out/c" ${C_TESTS:+C_TESTS="$C_TESTS"}
    if [ "${PACKAGES:-}" != no ]; then
        # Debian's tools find those of the architecture by their names.
        PATH=$(dirname "$CC"):$PATH DEB_HOST_ARCH=$1 OUT=$out/deb scripts/deb.sh
    fi
}

for architecture in ${ARCH:-$(target/release/vm architectures)}; do
    echo "--- $architecture"
    (build "$architecture")
done
