#!/bin/sh
# Runs a case, which is a function in cases/FAMILY.sh. Usage, in the tree: case.sh none|full FAMILY/CASE
#
# The standard output, standard error and exit status of a case must be the same in each run, so output that varies is masked or
# omitted. A case must succeed; a command that is expected to fail is run with `try`.
set -eu
# shellcheck disable=SC3045 # dash has it
ulimit -S -c 0

# try COMMAND…: prints the exit status of the command and continues.
try() {
    status=0
    "$@" || status=$?
    echo "$1 ended with $status"
}

# masked SCRIPT COMMAND…: prints the output of the command, edited by sed.
masked() {
    script=$1
    shift
    masked_files=$(mktemp -d)
    status=0
    "$@" >"$masked_files/stdout" 2>"$masked_files/stderr" || status=$?
    sed -E "$script" "$masked_files/stdout"
    sed -E "$script" "$masked_files/stderr" >&2
    rm -r "$masked_files"
    return "$status"
}

# quiet COMMAND…: prints the output of the command only if it fails.
quiet() {
    quiet_file=$(mktemp)
    if "$@" >"$quiet_file" 2>&1; then
        rm "$quiet_file"
    else
        status=$?
        cat "$quiet_file"
        return "$status"
    fi
}

# build PROGRAM [FLAGS…]: compiles a program from programs/ into the current directory.
build() {
    program=$1
    shift
    gcc -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -pthread -o "$program" "/everywhere/programs/$program.c" "$@"
}

# as_tester COMMAND…: runs the command as an unprivileged user.
as_tester() {
    HOME=/home/tester setpriv --reuid=1000 --regid=1000 --clear-groups -- "$@"
}

# within SECONDS COMMAND…: waits until the command succeeds.
within() {
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "waited in vain: $*" && return 1; }
        sleep 0.1
    done
}

# stop SIGNAL PROCESS: ends a child and prints its exit status. The shell's own message about it may appear at any time.
stop() {
    kill "-$1" "$2"
    status=0
    { wait "$2"; } 2>/dev/null || status=$?
    echo "ended with $status"
}

# The shell is a program of the tree, so it must have the library preloaded; otherwise nothing would be compared.
mapped=$(grep -c ' /usr/lib/everywhere/libnuma.so.1$' /proc/self/maps || :)
case $1:$mapped in
none:0) ;;
none:* | *:0) echo "case.sh: the library is mapped $mapped times" && exit 125 ;;
esac

# shellcheck source=/dev/null
. "/everywhere/cases/${2%/*}.sh"
cd /tmp/work
case=${2#*/}
set --
"$case"
