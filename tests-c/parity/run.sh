#!/bin/sh
# Runs in the guest: every parity program with every library in /parity/libraries, in each of the given environments:
#   machine           the whole machine
#   old-kernel        the same with a simulated Linux 3.10: the programs whose calls depend on the kernel
#   gaps              nodes 0-2, 4, 6, 8 and 9 in files mounted over the kernel's; the kernel itself has nodes 0 to 3
#   chroot, eperm, kill, emfile
#                     the whole machine; after numa_available(), each case runs in a chroot to an empty directory, under a filter
#                     that makes opening files fail or kills the process, or with no file descriptor left
#   cpuset:MEMS:CPUS  inside of a cpuset of these memory nodes and CPUs; must be last, since the shell stays in it
# The results of each library follow a line `== ENVIRONMENT LIBRARY`.
set -eu

on_each_library() { # environment program...
    name=$1
    shift
    for library in /parity/libraries/*; do
        echo "== $name ${library##*/}"
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

# Writes the files of a machine of seven nodes with gaps between their ids; the first four have a CPU each.
make_gaps() { # directory
    mkdir -p "$1/node"
    for list in online possible has_memory has_normal_memory; do echo 0-2,4,6,8-9 >"$1/node/$list"; done
    echo 0-2,4 >"$1/node/has_cpu"
    cpu=0
    for node in 0 1 2 4 6 8 9; do
        directory=$1/node/node$node
        mkdir "$directory"
        if [ $cpu -lt 4 ]; then
            echo $cpu >"$directory/cpulist"
            printf '%x\n' $((1 << cpu)) >"$directory/cpumap"
        else
            echo >"$directory/cpulist"
            echo 0 >"$directory/cpumap"
        fi
        for other in 0 1 2 4 6 8 9; do [ $other = $node ] && printf '10 ' || printf '%s ' $((20 + other)); done >"$directory/distance"
        printf 'Node %s MemTotal: 524288 kB\nNode %s MemFree: 262144 kB\n' $node $node >"$directory/meminfo"
        cpu=$((cpu + 1))
    done
    sed -e 's/^\(Mems_allowed:.*\).../\1357/' -e 's/^Mems_allowed_list:.*/Mems_allowed_list:\t0-2,4,6,8-9/' /proc/self/status >"$1/status"
}

# The library reads the status file of its own process, so that is replaced too.
programs_with_gaps() {
    for program in parity own-messages; do
        sh -c "mount -o bind /tmp/gaps/status /proc/\$\$/status && exec /parity/programs/$program"
    done
}

for environment; do
    case $environment in
    gaps)
        make_gaps /tmp/gaps
        mount -o bind /tmp/gaps/node /sys/devices/system/node
        on_each_library gaps programs_with_gaps
        umount /sys/devices/system/node
        ;;
    machine) on_each_library machine all_programs ;;
    chroot | eperm | kill | emfile)
        mkdir -p /parity/empty
        export PARITY_FILES="$environment"
        on_each_library "$environment" /parity/programs/parity
        unset PARITY_FILES
        ;;
    old-kernel) on_each_library old-kernel programs_on_old_kernel ;;
    cpuset:*)
        group=/sys/fs/cgroup/parity
        mkdir "$group"
        mems=${environment#cpuset:}
        echo "${mems%:*}" >"$group/cpuset.mems"
        echo "${mems#*:}" >"$group/cpuset.cpus"
        echo 0 >"$group/cgroup.procs"
        on_each_library cpuset all_programs
        ;;
    esac
done
echo "== end"
