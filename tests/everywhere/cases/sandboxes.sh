# shellcheck shell=sh
# Programs that restrict access to files, system calls or namespaces before they run others.
# packages: bubblewrap libseccomp-dev iproute2

chroot_to_an_empty_folder() {
    build chroots
    mkdir empty
    ./chroots empty
}

no_proc() {
    umount -l /proc
    try true
    sh -c 'echo $((1 + 1))'
    python3 -c 'import os, threading; print(os.cpu_count(), threading.active_count())'
    perl -e 'print "perl\n"'
    build prints_its_identity && ./prints_its_identity
    g++ -xc++ -o a - <<'END'
#include <iostream>
#include <thread>
int main() { std::thread([] { std::cout << "thread\n"; }).join(); return 3; }
END
    try ./a
}

no_sys() {
    umount -l /sys
    try true
    seq 100 | sort --parallel=2 -n | tail -n 1
    python3 -c 'print(sum(range(100)))'
    node -e 'console.log([3, 1, 2].sort())'
}

neither_proc_nor_sys_nor_dev() {
    mount -t tmpfs tmpfs /dev
    umount -l /sys
    umount -l /proc
    sh -c 'echo one; ls -A /dev /proc /sys'
    awk 'BEGIN { print 6 * 7 }' 2>&1
    try sh -c 'exit 4'
}

bubblewrap_as_an_ordinary_user() {
    box() { as_tester bwrap --ro-bind /usr /usr --ro-bind /etc /etc --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin "$@"; }
    box --unshare-all --proc /proc --dev /dev --tmpfs /tmp --die-with-parent sh -c 'id -u; ls -A /tmp /proc | grep -cE "^[0-9]+$"; echo text | sort'
    try box --unshare-all sh -c 'exit 7'
    box --unshare-user --uid 0 --gid 0 --cap-drop ALL --new-session python3 -c 'import os; print(os.getuid(), os.listdir("/"))'
}

# bubblewrap installs the filter before it runs the program, so that the program is loaded under it.
bubblewrap_with_a_filter() {
    build writes_a_filter -lseccomp
    ./writes_a_filter numa >filter
    chmod 644 filter
    box() { as_tester bwrap --ro-bind / / --proc /proc --seccomp 9 "$@" 9<filter; }
    box sh -c 'echo text | sort; exit 0'
    try box python3 -c 'import os; print(os.getpid() > 0)'
    box grep Seccomp: /proc/self/status
}

unshare_user_namespaces() {
    as_tester unshare --user --map-root-user --mount --pid --fork --mount-proc sh -c 'id -u; ps --no-headers -e | wc -l; mount -t tmpfs t /mnt && echo mounted'
    as_tester unshare --user sh -c 'id -u'
    unshare --ipc --uts --cgroup --time true && echo unshared
    nsenter --target $$ --mount --net true && echo entered
}

# seccomp's strict mode allows only read(2), write(2), exit(2) and sigreturn(2).
seccomp_strict_mode() {
    build enters_strict_mode
    try ./enters_strict_mode
    try ./enters_strict_mode violate
}

# After the start of main(), all system calls except the program's own fail or kill it.
a_filter_that_kills() {
    build confines_itself -lseccomp
    try ./confines_itself kill
    try ./confines_itself errno
}

# A filter that is installed before the program is loaded, and makes calls fail that libraries may use while loading.
loaded_under_filters_that_deny() {
    build runs_under_a_filter -lseccomp
    for name in get_mempolicy sched_getaffinity getcpu prctl sysinfo uname mbind getrandom readlink access faccessat2 statx; do
        try ./runs_under_a_filter "$name" EPERM true
        try ./runs_under_a_filter "$name" ENOSYS python3 -c 'print(6 * 7)'
    done
}

no_new_privs_and_no_capabilities() {
    setpriv --no-new-privs --bounding-set=-all --inh-caps=-all sh -c 'grep -E "^(NoNewPrivs|CapBnd):" /proc/self/status; id -u'
    as_tester setpriv --no-new-privs sh -c 'su -c true root </dev/null 2>&1; echo $?' | tail -n 1
}
