#!/bin/sh
# Runs the C tests that need no NUMA nodes on this machine. `make host-test` builds the programs and the harness, and then runs this.
#   FILTER   only programs whose path starts with it, as any/bitmask
# Example: make host-test FILTER=any/bitmask
set -eu
cd "$(dirname "$0")/.."
LD_LIBRARY_PATH=$PWD/target/stage/lib exec target/release/vm test --host --jobs 2 ${FILTER:+--filter "$FILTER"} target/tests-c
