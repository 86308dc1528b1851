#!/bin/sh
# Runs the C tests on a library that checks its assertions and its arithmetic. A violation ends the program, which is a failed test,
# with the line of the source. `make debug-test` and `make debug-vm-test` build the programs and the harness, and then run this.
#   KERNEL                 kernel of the guest (6.12)
#   CK_TIMEOUT_MULTIPLIER  factor for the time limits of libcheck in the guest (3)
#   FILTER                 only programs whose path starts with it
# Usage: debug-test.sh build|host|guest
# Example: make debug-test FILTER=any/bitmask
set -eu
cd "$(dirname "$0")/.."
kernel=${KERNEL:-6.12}
library=target/debug-library

CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
    make --no-print-directory BUILD=$library $library/libnumars.so.1.0.0
export LD_LIBRARY_PATH="$PWD/$library"
set -- "$1" ${FILTER:+--filter "$FILTER"}
case $1 in
build) ;;
host)
    shift
    exec target/release/vm test --host --jobs 2 "$@" target/tests-c
    ;;
guest)
    shift
    exec target/release/vm test --kernel "$kernel" --jobs 2 --timeout 1200 --skip "$kernel:any/" \
        --env CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-3}" "$@" target/tests-c
    ;;
esac
