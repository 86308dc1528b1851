# shellcheck shell=sh
# The state of a process, and how it starts others and ends.
# packages: python3 procps

# Threads, file descriptors, signals, environment, policy, CPUs, errno, limits: the library must not change any of these.
a_process_begins_as_usual() {
    build looks_at_itself
    ./looks_at_itself
    ls /proc/self/fd
    env | sort
    grep -E '^(Threads|Sig[PBIC]|Shd|Umask|Cpus_allowed_list|Mems_allowed_list|VmLck|VmPin|NoNewPrivs|Seccomp|THP_enabled|Groups)' /proc/self/status
    cat /proc/self/limits /proc/self/oom_score_adj /proc/self/timerslack_ns /proc/self/coredump_filter /proc/self/personality
}

nothing_is_allocated_before_main() {
    build counts_allocations
    ./counts_allocations
}

fork_vfork_clone_spawn_and_exec() {
    build starts_others
    ./starts_others
}

many_short_processes() {
    i=0
    while [ "$i" -lt 500 ]; do
        /bin/true
        i=$((i + 1))
    done
    echo "$i"
}

destructors_and_atexit_in_their_order() {
    cat >library.c <<'END'
#include <stdio.h>
__attribute__((constructor)) static void up(void) { puts("library up"); }
__attribute__((destructor)) static void down(void) { puts("library down"); }
END
    cat >program.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static void at_exit(void) { puts("at exit"); }
__attribute__((constructor)) static void up(void) { puts("program up"); }
__attribute__((destructor)) static void down(void) { puts("program down"); }
int main(void) { atexit(at_exit); void *l = dlopen("./library.so", RTLD_NOW); puts("main"); if (l) dlclose(l); return 8; }
END
    gcc -shared -fPIC -o library.so library.c
    gcc -o program program.c && try ./program
    gcc -o linked program.c ./library.so && try ./linked
}

dlopen_and_dlmopen_many_libraries() {
    build opens_libraries
    ./opens_libraries
}

threads_cancellation_and_thread_locals() {
    build uses_threads
    ./uses_threads
}

fixed_addresses_without_randomisation() {
    build prints_its_identity -no-pie -static-pie 2>/dev/null || build prints_its_identity -no-pie
    for option in -R -L -3 -Z; do try setarch "$option" ./prints_its_identity; done
    setarch -R sh -c 'true && echo no randomisation'
}

long_arguments_and_environments() {
    sh -c 'echo ${#1}' - "$(head -c 100000 /dev/zero | tr '\0' x)"
    big=$(head -c 100000 /dev/zero | tr '\0' y) sh -c 'echo ${#big}'
    env -i ./nonexistent 2>/dev/null || echo "env ended with $?"
    python3 -c 'import os; os.execve("/bin/echo", [], {})' 2>/dev/null || echo "status $?"
}

# Environment variables of the loader and of malloc.
variables_of_libc() {
    for setting in LD_BIND_NOW=1 LD_WARN=1 MALLOC_CHECK_=3 MALLOC_PERTURB_=85 MALLOC_ARENA_MAX=1 LD_HWCAP_MASK=0 LD_AUDIT=/nonexistent.so \
        GLIBC_TUNABLES=glibc.malloc.tcache_count=0 LD_DYNAMIC_WEAK=1 LD_USE_LOAD_BIAS=1 LD_PREFER_MAP_32BIT_EXEC=1 LD_LIBRARY_PATH=/nonexistent; do
        try env "$setting" sort /etc/hostname
    done
}

# Whatever their values, programs that do not call numars start as usual.
variables_of_numars() {
    mkfifo fifo
    mkdir -p root/sys/devices/system/node root/proc/self
    for file in sys/devices/system/node/possible sys/devices/system/node/online proc/self/status; do mkfifo "root/$file"; done
    for setting in NUMARS_LOG=1 NUMARS_LOG=/tmp/work/log NUMARS_LOG=/nonexistent/log NUMARS_LOG=/dev/full NUMARS_LOG=/tmp/work/fifo NUMARS_LOG=/tmp \
        NUMARS_MOVE=kernel NUMARS_MOVE=nonsense NUMARS_FSROOT=/nonexistent NUMARS_FSROOT=/dev/zero NUMARS_FSROOT=/tmp/work/root; do
        echo "$setting"
        try timeout 10 env "$setting" sort /etc/hostname
        try timeout 10 env "$setting" python3 -c 'import os; os.close(2); print(os.open("/dev/null", 0))'
    done
    # The file is created only when something is logged.
    ls log 2>/dev/null || echo no log
}
