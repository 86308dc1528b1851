#!/bin/sh
# Runs in the guest: every parity program with every library in /parity/libraries, on the whole machine and then, if they are given,
# inside of a cpuset of the memory nodes $1 and the CPUs $2. A line of its own, `== SURROUNDINGS LIBRARY`, comes before each
# library's results.
set -eu

run() { # surroundings
    for library in /parity/libraries/*; do
        echo "== $1 ${library##*/}"
        export LD_LIBRARY_PATH="$library"
        /parity/programs/parity
        /parity/programs/parity-copied data
        /parity/programs/own-messages
        /parity/programs/early
    done
}

run machine
if [ $# = 2 ]; then
    group=/sys/fs/cgroup/parity
    mkdir "$group"
    echo "$1" >"$group/cpuset.mems"
    echo "$2" >"$group/cpuset.cpus"
    echo 0 >"$group/cgroup.procs"
    run cpuset
fi
echo "== end"
