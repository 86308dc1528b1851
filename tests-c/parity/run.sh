#!/bin/sh
# Runs in the guest: every parity program with every library in /parity/libraries, in each of the surroundings that are given:
#   machine           the whole machine
#   old-kernel        the same, as on Linux 3.10: the programs whose calls depend on the kernel
#   cpuset:MEMS:CPUS  inside of a cpuset of these memory nodes and CPUs; the last, since there is no way back
# A line of its own, `== SURROUNDINGS LIBRARY`, comes before each library's results.
set -eu

on_each_library() { # surroundings program...
    surroundings=$1
    shift
    for library in /parity/libraries/*; do
        echo "== $surroundings ${library##*/}"
        export LD_LIBRARY_PATH="$library"
        "$@"
    done
}

all_programs() {
    /parity/programs/parity
    /parity/programs/parity-copied data
    /parity/programs/own-messages
    /parity/programs/early
}

programs_on_old_kernel() {
    /parity/programs/old-kernel /parity/programs/parity
    /parity/programs/old-kernel /parity/programs/own-messages
}

for wanted; do
    case $wanted in
    machine) on_each_library machine all_programs ;;
    old-kernel) on_each_library old-kernel programs_on_old_kernel ;;
    cpuset:*)
        group=/sys/fs/cgroup/parity
        mkdir "$group"
        mems=${wanted#cpuset:}
        echo "${mems%:*}" >"$group/cpuset.mems"
        echo "${mems#*:}" >"$group/cpuset.cpus"
        echo 0 >"$group/cgroup.procs"
        on_each_library cpuset all_programs
        ;;
    esac
done
echo "== end"
