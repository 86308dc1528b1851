# shellcheck shell=sh
# Low limits: memory, file descriptors, stack, processes; closed file descriptors.
# packages: python3 procps

limited() { # limit value command…
    limit=$1 value=$2
    shift 2
    # shellcheck disable=SC3045 # dash has these
    (ulimit "$limit" "$value" && try "$@")
}

# Prints the lowest limit, in steps of 4 KiB, with which a command succeeds without a preloaded library.
least() { # limit command…
    limit=$1 low=0 high=200000
    shift
    mount --bind /dev/null /etc/ld.so.preload
    while [ $((high - low)) -gt 4 ]; do
        middle=$(((low + high) / 2))
        # shellcheck disable=SC3045 # dash has these
        if (ulimit "$limit" "$middle" && "$@") >/dev/null 2>&1; then high=$middle; else low=$middle; fi
    done
    umount /etc/ld.so.preload
    echo "$high"
}

# A preloaded library may use 240 KiB of a process's address space (numars uses 216, libnuma 160), and half of that for data. Python allocates
# memory in steps of 1 MiB.
little_address_space() {
    limited -v "$(($(least -v setarch -R true) + 240))" setarch -R true
    limited -v "$(($(least -v setarch -R python3 -c 1) + 2000))" setarch -R python3 -c 1
    limited -v 4000 sh -c 'exit 3'
    limited -v 60000 perl -e 'print "perl\n"; exit 4'
    limited -v 100000 git --version
    limited -v 100000 sort --buffer-size=1M /etc/passwd | tail -n 1
}

little_data() {
    limited -d "$(($(least -d setarch -R true) + 100))" setarch -R true
    limited -d "$(($(least -d setarch -R python3 -c 1) + 2000))" setarch -R python3 -c 1
    limited -d 1000 sh -c 'exit 3'
}

little_stack() {
    for value in 20 32 64 128; do limited -s "$value" /bin/true; done
    limited -s 64 sh -c 'echo small'
    limited -s 256 python3 -c 'print(6 * 7)'
    limited -s unlimited setarch -L sh -c 'echo legacy layout'
}

few_descriptors() {
    # The loader needs a descriptor to open libraries.
    for value in 3 4 5; do limited -n "$value" /bin/true 2>&1 | sed 's/^.*error while/error while/'; done
    limited -n 12 python3 -c 'print(6 * 7)'
    limited -n 16 sh -c 'echo text | sort | uniq'
}

few_processes_and_files() {
    limited -f 0 sh -c 'echo text >file' || :
    limited -f 8 dd if=/dev/zero of=file bs=1k count=100 2>/dev/null || :
    stat --format %s file
    as_tester sh -c 'ulimit -u 1; /bin/true; echo "status $?"' || :
    limited -t 1 sh -c 'while :; do :; done' 2>/dev/null
}

all_memory_locked() {
    build locks_memory
    chmod 755 .
    need=$(least -l as_tester setarch -R ./locks_memory)
    as_tester sh -c "ulimit -l $((need + 250)); setarch -R ./locks_memory" || echo "status $?"
    as_tester sh -c 'ulimit -l 0; ./locks_memory' || echo "status $?"
    ./locks_memory
}

# A library that opens a file while it is loaded gets one of these descriptors.
closed_descriptors() {
    build looks_at_itself
    ./looks_at_itself <&- | grep descriptor
    ./looks_at_itself 2>&- | grep descriptor
    ./looks_at_itself >&- || echo "status $?"
    ./looks_at_itself <&- >&- 2>&- || echo "status $?"
    cat <&- || echo "status $?"
    echo text | tee >&- || echo "status $?"
    python3 -c 'import os; print(os.open("/dev/null", 0))' <&-
    python3 -c 'import os; os.write(os.open("written", os.O_CREAT | os.O_WRONLY), b"only this\n")' <&- >&- 2>&- || echo "status $?"
    cat written
    perl -e 'open my $f, ">", "file"; warn "to a file"; print fileno $f, "\n"' 2>&- || echo "status $?"
    cat file
    bash -c 'exec 3>file; echo text; ls /proc/$$/fd' <&- 2>&- || echo "status $?"
    node -e 'console.log(1)' <&- 2>&- || echo "status $?"
    java -version <&- >&- 2>&- || echo "status $?"
}

a_full_disk_and_a_broken_pipe() {
    seq 10 >/dev/full || echo "status $?"
    sh -c 'echo text' >/dev/full || echo "status $?"
    python3 -c 'print(1)' >/dev/full || echo "status $?"
    bash -c 'seq 100000 | head -n 1; echo "${PIPESTATUS[@]}"'
    bash -c 'python3 -c "print(1)" 2>/dev/null | true; echo ended'
}

overcommitted_memory() {
    build uses_memory
    try prlimit --as=400000000 ./uses_memory
    try choom --adjust 500 -- ./uses_memory
    python3 -c 'import mmap; m = mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE | mmap.MAP_NORESERVE); m[1 << 35] = 1; print(len(m))' || :
}

# Real-time and idle policies, and one CPU of several.
scheduling_is_inherited() {
    chrt --fifo 10 chrt --pid 0 | sed 's/pid [0-9]*/pid N/'
    chrt --idle 0 sh -c 'chrt --pid $$' | sed 's/pid [0-9]*/pid N/'
    taskset 1 nproc
    taskset 1 python3 -c 'import os; print(os.sched_getaffinity(0))'
    ionice -c 3 ionice
    nice -n 19 nice
}
