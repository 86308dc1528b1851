#!/bin/sh
# Measures calls beside libnuma, and moves of pages in the guest: docs/performance.md. `make bench` installs into target/stage and builds
# the harness of the guest, and then runs this.
#   KERNEL   kernel of the guest (6.12)
# Usage: bench.sh [OPTION…], as `make bench BENCH="OPTION…"`; --help lists them
# Example: make bench BENCH=--quick
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh bench
mkdir -p target/bench

compile() { # arguments…
    ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -g -O2 "$@"
}

# shellcheck disable=SC2046 # one word for each flag
for name in moves pauses; do
    compile -pthread -o target/bench/$name bench/$name.c \
        $(PKG_CONFIG_PATH=$PWD/target/stage/lib/pkgconfig "${PKG_CONFIG:-pkg-config}" --cflags --libs numars)
done
# With libnuma's headers and library: the loader decides on which library it runs.
for name in calls every_call; do compile -o target/bench/$name bench/$name.c -lnuma; done
for name in empty on_machine; do compile -o target/bench/$name bench/$name.c; done
compile -shared -fPIC -o target/bench/affinity.so bench/affinity.c

"${CARGO:-cargo}" build --quiet --locked --manifest-path tests/Cargo.toml --target-dir target --release --package numars-bench
LD_LIBRARY_PATH=$PWD/target/stage/lib exec target/release/numars-bench --kernel "${KERNEL:-6.12}" "$@"
