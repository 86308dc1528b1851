#!/bin/sh
# Measures page moves between the nodes of this machine, and writes the results into a file: `sh bench-machine.sh --help`. It needs only the
# program beside it.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
for_machine=@MACHINE@ machine=$(uname -m)
if [ "$machine" != "$for_machine" ]; then
    echo "bench-machine: this was built for $for_machine, and this machine is $machine" >&2
    exit 1
fi
exec "$folder/numars-bench" here "$@"
