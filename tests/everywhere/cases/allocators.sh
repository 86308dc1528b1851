# shellcheck shell=sh
# shellcheck disable=SC2016 # quoted code is for another shell or language
# Other allocators, and other libraries preloaded with LD_PRELOAD, together with the library that is preloaded everywhere.
# packages: libjemalloc2 libtcmalloc-minimal4 libmimalloc-dev fakeroot fakechroot eatmydata faketime python3

libraries=/usr/lib/$(gcc -print-multiarch)

under() { # library
    build uses_memory
    (
        export LD_PRELOAD="$libraries/$1"
        try ./uses_memory
        try python3 -c 'print(sum(map(len, map(str, range(100000)))))'
        seq 100000 | sort --parallel=2 -r | md5sum
        try sh -c 'exit 3'
        try gcc -O2 -c -o uses_memory.o /everywhere/programs/uses_memory.c
    )
}

jemalloc_is_preloaded() {
    under libjemalloc.so.2
    MALLOC_CONF=background_thread:true,stats_print:false LD_PRELOAD=$libraries/libjemalloc.so.2 ./uses_memory
}

tcmalloc_is_preloaded() {
    under libtcmalloc_minimal.so.4
}

mimalloc_is_preloaded() {
    under libmimalloc.so
    MIMALLOC_VERBOSE=0 MIMALLOC_USE_NUMA_NODES=1 LD_PRELOAD=$libraries/libmimalloc.so ./uses_memory
}

glibcs_malloc_is_checked() {
    build uses_memory
    try env LD_PRELOAD=libc_malloc_debug.so.0 MALLOC_CHECK_=3 MALLOC_PERTURB_=85 ./uses_memory
    try env LD_PRELOAD=libc_malloc_debug.so.0 MALLOC_TRACE=/tmp/work/trace ./uses_memory
}

fakeroot_pretends() {
    as_tester fakeroot sh -c 'id -u; touch /home/tester/file; chown 5:6 /home/tester/file; stat --format %u:%g /home/tester/file'
    try as_tester fakeroot sh -c 'exit 4'
}

fakechroot_pretends() {
    chmod 755 . && mkdir -p root/bin && cp "$(command -v busybox)" root/bin/busybox
    try as_tester fakechroot fakeroot sh -c 'echo "$(id -u)"; exit 3'
}

faketime_eatmydata_and_stdbuf() {
    faketime '2000-01-01 00:00:00' date +%Y
    eatmydata sh -c 'sync; echo synced'
    seq 3 | stdbuf -oL cat
}

several_are_preloaded_by_both_ways() {
    for first in libjemalloc.so.2 libtcmalloc_minimal.so.4; do
        LD_PRELOAD="$libraries/$first $libraries/libnuma.so.1 libm.so.6" sort /etc/hostname
        LD_PRELOAD="$libraries/$first" python3 -c 'import ctypes; print(ctypes.CDLL("libnuma.so.1").numa_available())'
    done
    LD_PRELOAD=/nonexistent.so sort /etc/hostname
}
