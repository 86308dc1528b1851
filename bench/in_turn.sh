#!/bin/sh
# in_turn.sh ROUNDS FOLDER PROGRAM ARGUMENTS…: runs the program so many times on each of the libraries in FOLDER/*/, in turn, so that
# what else the machine does meets all alike. A line `== NAME` comes before what each run prints.
set -eu
rounds=$1 folder=$2
shift 2
while [ "$rounds" -gt 0 ]; do
    for library in "$folder"/*; do
        echo "== ${library##*/}"
        LD_LIBRARY_PATH=$library "$@"
    done
    rounds=$((rounds - 1))
done
