#!/bin/sh
# Runs the test in which 64 threads call every function under ThreadSanitizer. `make races` installs into target/stage, and then runs
# this.
#   TEST_SECONDS   how long the threads run
# Example: make races TEST_SECONDS=60
#
# ThreadSanitizer knows atomics, which helgrind reports as races. Rust has it behind an unstable option: RUSTC_BOOTSTRAP=1 makes a stable
# rustc accept it. Code of core is not instrumented, except what is inlined from there.
set -eu
cd "$(dirname "$0")/.."
out=target/races
library=$out/libnumars.so.1.0.0

# memcpy and its relatives are libc's, which are instrumented: this runtime lacks the functions that newer compilers call instead.
RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer -Cllvm-args=-tsan-instrument-memintrinsics=0' \
    make --no-print-directory BUILD=$out TARGET="$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')" CFLAGS=-fsanitize=thread $library
make --no-print-directory -j2 -f tests-c/Makefile OUT=$out FLAGS=-fsanitize=thread LIBRARY=$library C_TESTS=any/many_threads
LD_LIBRARY_PATH=$out TSAN_OPTIONS=suppressions=tests/races.supp $out/tests-c/any/many_threads
