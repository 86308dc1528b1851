#!/bin/sh
# Shows the nodes, and moves the memory of a program between them, with a map of its pages after each step (scripts/demo-steps.sh). Pages only
# move between nodes: on a machine with one node, it runs in a guest with four.
# Example: make demo
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh demo
folder=$PWD/target/demo
mkdir -p "$folder"
echo "Building the command numars, which takes a minute or two the first time …" >&2
make --no-print-directory cli CLI=dev >"$folder/log" 2>&1 || { cat "$folder/log" && exit 1; }
${CC:-cc} -O2 -o "$folder/hold_memory" examples/hold_memory.c

on_this_machine() {
    PATH=$PWD/target/cli/debug:$folder:$PATH exec sh scripts/demo-steps.sh
}

if grep -qs '[-,]' /sys/devices/system/node/has_memory; then
    on_this_machine
fi
if make --no-print-directory vm && target/release/vm fetch --kernel 6.12; then
    echo "This machine has one NUMA node, so here is a guest that has four."
    if [ -t 1 ]; then set -- --env CLICOLOR_FORCE=1; fi
    numars=target/cli/debug/numars
    # It is also the program that the guest runs, because the libraries of that are copied.
    exec target/release/vm run --kernel 6.12 --shape four-nodes "$@" --add $numars:/usr/bin/numars \
        --add "$folder/hold_memory:/usr/bin/hold_memory" --add scripts/demo-steps.sh:/demo-steps.sh -- $numars run -- sh /demo-steps.sh
fi
echo "This machine has one NUMA node, and a guest with four is not available (see above)."
on_this_machine
