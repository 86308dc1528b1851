#!/bin/sh
# Moves pages between nodes and draws where they are: builds examples/page_map.c and runs it. Pages only move between nodes: on a
# machine with one node, it runs in a guest with four.
# Example: make demo
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh demo
mkdir -p target
make --no-print-directory stage >target/demo.log 2>&1 || { cat target/demo.log && exit 1; }
# shellcheck disable=SC2046 # one word for each flag
${CC:-cc} -O2 -o target/page_map examples/page_map.c \
    $(PKG_CONFIG_PATH=$PWD/target/stage/lib/pkgconfig "${PKG_CONFIG:-pkg-config}" --cflags --libs numars)

export LD_LIBRARY_PATH="$PWD/target/stage/lib"
if grep -qs '[-,]' /sys/devices/system/node/has_memory; then
    exec target/page_map
fi
# Not with the library that was just built: cargo is not part of the demo.
if env -u LD_LIBRARY_PATH make --no-print-directory vm && target/release/vm fetch --kernel 6.12; then
    echo "This machine has one NUMA node, so here is a guest that has four."
    if [ -t 1 ]; then set -- --env CLICOLOR_FORCE=1; fi
    exec target/release/vm run --kernel 6.12 --shape four-nodes "$@" -- target/page_map
fi
echo "This machine has one NUMA node, and a guest with four is not available (see above)."
exec target/page_map
