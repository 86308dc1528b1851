#!/bin/sh
# Runs the C tests that need no nodes under valgrind's memcheck: one line for each program, and `N passed, N failed` at the end.
# A program passes if neither the library nor the test touches memory wrongly or loses any.
#
# What the tests themselves say does not count here: valgrind 3.19 has no migrate_pages(2) and no set_mempolicy_home_node(2), and
# answers itself where mmap(2) and mremap(2) are asked for impossible sizes.
# Usage: memcheck.sh LIBRARIES PROGRAM…
set -u
export LD_LIBRARY_PATH="$1" CK_TIMEOUT_MULTIPLIER=10
shift
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0

for program in "$@"; do
    name=$(basename "$program")
    rm -f "$log"/*
    valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite --trace-children=yes \
        --vgdb=no --suppressions="$(dirname "$0")/memcheck.supp" --log-file="$log/%p" "$program" >"$log/tap" 2>&1
    # A system call that valgrind does not know is no error of the program's (--), and one with odd arguments only a warning.
    reports=$(cat "$log"/[0-9]* | grep '^==' | grep -v '^==[0-9]*== Warning: ' | head -n 60)
    if [ -z "$reports" ] && grep -q '^1\.\.[1-9]' "$log/tap"; then
        passed=$((passed + 1))
        echo "ok     memcheck  $name  ($(sed -n 's/^1\.\.//p' "$log/tap") tests)"
    else
        failed=$((failed + 1))
        echo "FAIL   memcheck  $name"
        grep -q '^1\.\.[1-9]' "$log/tap" || cat "$log/tap"
        echo "$reports"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
