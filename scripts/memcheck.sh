#!/bin/sh
# Runs the C tests that need no NUMA nodes under valgrind's memcheck: one line for each program, and `N passed, N failed` at the end. A
# program passes if the library and the test make no invalid access and leak nothing. `make memcheck` builds the programs first.
#   FILTER   only programs whose path starts with it
# Example: make memcheck FILTER=any/bitmask
#
# The results of the tests themselves do not count here: valgrind 3.19 does not know migrate_pages(2) and set_mempolicy_home_node(2), and
# fails mmap(2) and mremap(2) of impossible sizes itself.
set -u
cd "$(dirname "$0")/.." || exit
export LD_LIBRARY_PATH="$PWD/target/stage/lib" CK_TIMEOUT_MULTIPLIER=10
# memcheck takes minutes for sets of 2^31 bits, runs one thread at a time, replaces a program's malloc, considers the stack of a returned
# call invalid, and needs the kernel's files and memory, and system calls that succeed.
unchecked=" errno_after_failed_calls huge_sets initialization many_threads missing_sources own_malloc hash_collisions bad_sysfs out_of_memory "
for source in tests-c/any/*.c; do
    name=${source#tests-c/any/} name=${name%.c}
    case $unchecked in *" $name "*) continue ;; esac
    case any/$name in "${FILTER:-}"*) set -- "$@" "target/tests-c/any/$name" ;; esac
done
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0

for program in "$@"; do
    name=$(basename "$program")
    rm -f "$log"/*
    valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite --trace-children=yes \
        --vgdb=no --num-callers=40 --suppressions=tests/memcheck.supp --log-file="$log/%p" "$program" >"$log/tap" 2>&1
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
