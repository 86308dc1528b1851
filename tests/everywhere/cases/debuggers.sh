# shellcheck shell=sh
# Programs that observe others: debuggers, tracers, CPU emulators.
# packages: gdb valgrind libc6-dbg strace ltrace

gdb_runs_a_program() {
    build has_a_loop
    cat >commands <<'END'
set pagination off
set confirm off
set debuginfod enabled off
set print address off
break inner if round == 3
run
backtrace
print round
info locals
watch sum
continue
finish
next
print $_exitcode
delete
continue
print $_exitcode
info sharedlibrary no_such_library
END
    masked '/^\[(Thread|New Thread|Using)|Using host libthread_db|^warning: /d; s/process [0-9]+/process N/; s/0x[0-9a-f]+/ADDRESS/g; s/LWP [0-9]+/LWP N/' \
        gdb -q -nx -batch -x commands ./has_a_loop
}

gdb_attaches_and_detaches() {
    build has_a_loop
    ./has_a_loop forever >output &
    process=$!
    sleep 0.3
    gdb -q -nx -batch -p "$process" -ex 'set print address off' -ex 'print repeats' -ex 'set var repeats = 0' -ex detach 2>/dev/null | grep '^\$'
    try wait "$process"
    cat output
}

gdb_reads_a_core() {
    build has_a_loop
    gdb -q -nx -batch -ex 'break inner' -ex run -ex 'generate-core-file core' ./has_a_loop >/dev/null 2>&1
    gdb -q -nx -batch -ex 'set print address off' -ex backtrace ./has_a_loop core 2>/dev/null | grep -E '^#'
}

# The system calls of the program itself, from its first own call on.
strace_follows_children() {
    build starts_others
    strace -f -o trace -e trace=exit_group,wait4,kill,tgkill ./starts_others
    grep -c exited trace
    strace -f -c -o summary sh -c 'echo text | sort' && grep -c execve summary
    try strace -qq -e trace=none -e signal=SEGV sh -c 'kill -SEGV $$' 2>/dev/null
    strace -qq -e trace=write -e inject=write:error=ENOSPC:when=1 echo text 2>&1 | grep -o 'ENOSPC.*INJECTED.*' || :
}

ltrace_shows_calls() {
    build has_a_loop -fno-pie -no-pie -Wl,-z,lazy
    masked 's/0x[0-9a-f]+/ADDRESS/g; s/^.*(Process|process) [0-9]+/process N/; s/\[pid [0-9]+\]//' ltrace -e puts+printf ./has_a_loop
}

memcheck_finds_nothing_where_nothing_is() {
    build has_a_loop
    try valgrind -q --error-exitcode=9 --leak-check=full --track-fds=yes --show-leak-kinds=all ./has_a_loop
    valgrind ./has_a_loop 2>&1 | sed -nE 's/^==[0-9]+== (  total heap usage.*|.*ERROR SUMMARY.*|All heap.*)/\1/p'
}

memcheck_finds_mistakes() {
    build makes_mistakes
    for mistake in overflow use-after-free uninitialised leak double-free; do
        masked 's/^==[0-9]+==//; s/0x[0-9A-Fa-f]+/ADDRESS/g' valgrind --leak-check=full --error-exitcode=9 ./makes_mistakes "$mistake" 2>&1 |
            grep -vE 'Memcheck|Copyright|Using Valgrind|Command|suppressed' || :
    done
}

helgrind_and_drd_find_a_race() {
    build makes_mistakes
    for tool in helgrind drd; do
        for mistake in none race; do
            valgrind -q --tool=$tool ./makes_mistakes "$mistake" 2>errors
            grep -oE 'Possible data race|Conflicting' errors | sort -u || :
        done
    done
}

massif_and_callgrind() {
    build has_a_loop
    valgrind -q --tool=massif --massif-out-file=massif ./has_a_loop && grep -E '^mem_heap_B' massif | sort -u -t= -k2n | tail -n 1
    valgrind -q --tool=callgrind --callgrind-out-file=callgrind ./has_a_loop && grep -q inner callgrind && echo profiled
    try valgrind -q --tool=none ./has_a_loop
}
