#!/bin/sh
# in_turn.sh ROUNDS DIRECTORY PROGRAM ARGUMENTS…: runs the program ROUNDS times on each library in DIRECTORY/*/, alternately, so that
# other load affects all of them equally. A line `== NAME` precedes the output of each run.
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
