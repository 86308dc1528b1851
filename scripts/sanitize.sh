#!/bin/sh
# Runs the C tests under AddressSanitizer, on a library that also checks its assertions and its arithmetic; the tests have UBSan as well.
# `make sanitize` and `make sanitize-vm` install into target/stage and build the harness, and then run this.
#   KERNEL   kernel of the guest (6.12)
#   FILTER   only programs whose path starts with it
# Usage: sanitize.sh build|host|guest
# Example: make sanitize FILTER=any/bitmask
set -eu
cd "$(dirname "$0")/.."
kernel=${KERNEL:-6.12}
out=target/sanitized
library=$out/libnumars.so.1.0.0
# The sanitizer's own signal stacks are where it expects the frames of a cancelled thread.
options=allocator_may_return_null=1:use_sigaltstack=0
# These have a malloc of their own, make calls fail or hide files that the sanitizer needs, run a setgid program, in which it cannot
# read its options, or query each page of a process, of which it maps terabytes.
except="errno_after_failed_calls missing_sources own_malloc bad_sysfs out_of_memory privileges page_zero numars_move_process"

# A stable rustc accepts the option with RUSTC_BOOTSTRAP=1.
RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=address -Cdebug-assertions -Coverflow-checks' \
    make --no-print-directory BUILD=$out TARGET="$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')" CFLAGS=-fsanitize=address $library
make --no-print-directory -j2 -f tests-c/Makefile OUT=$out EXCEPT="$except" LIBRARY=$library \
    FLAGS='-fsanitize=address,undefined -fno-sanitize-recover=all'
set -- "$1" ${FILTER:+--filter "$FILTER"}
case $1 in
build) ;;
host)
    shift
    LD_LIBRARY_PATH=$out ASAN_OPTIONS=$options exec target/release/vm test --host --jobs 2 --timeout 300 "$@" $out/tests-c
    ;;
guest)
    # These leave their sets allocated: only bad accesses count. The programs are so large that no GiB of a node is left in one piece.
    shift
    LD_LIBRARY_PATH=$PWD/$out exec target/release/vm test --kernel "$kernel" --jobs 2 --timeout 1200 --skip "$kernel:any/" \
        --skip "$kernel:gigantic-pages/" \
        --env CK_TIMEOUT_MULTIPLIER=8 --env ASAN_OPTIONS=$options:detect_leaks=0 "$@" $out/tests-c
    ;;
esac
