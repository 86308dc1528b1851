#!/bin/sh
# Runs unit tests of bit sets, parsers and the mover under Miri, which finds undefined behaviour that no processor shows. Miri knows few
# system calls; the tests that make none are here. It needs a nightly toolchain with the component miri.
#   MIRI_TESTS   which tests, as prefixes of their names
# Example: make miri MIRI_TESTS=nodestring::
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2086 # one word for each
PROPTEST_CASES=3 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" \
    "${CARGO:-cargo}" +nightly miri test --locked --manifest-path tests/Cargo.toml --package numars --lib --target-dir target/miri -- \
    ${MIRI_TESTS:-bitmask:: nodestring:: migrate::node_map:: migrate::tests:: topology::parse:: sys::memory::tests::an_arena fuzzing::tests::}
