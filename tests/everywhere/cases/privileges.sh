# shellcheck shell=sh
# Programs that gain or drop privileges. For setuid programs, the loader preloads little else than what /etc/ld.so.preload names.
# packages: sudo iputils-ping libcap2-bin iproute2

su_and_runuser() {
    su tester -c 'id -un; exit 3' || echo "su ended with $?"
    su - tester -c 'pwd; env | cut -d= -f1 | sort'
    runuser -u tester -- id -u
    echo tester | as_tester su tester -c 'echo with a password' 2>/dev/null || echo "su ended with $?"
    echo wrong | as_tester su root -c true 2>/dev/null || echo "su ended with $?"
}

sudo_runs_commands() {
    as_tester sudo -n id -u
    as_tester sudo -n -u tester sh -c 'id -un; exit 5' || echo "sudo ended with $?"
    as_tester env LD_PRELOAD=/nonexistent.so LD_LIBRARY_PATH=/nonexistent NUMARS_LOG=1 sudo -n sh -c 'env | cut -d= -f1 | sort'
    as_tester sudo -n -l | tail -n 1
}

passwd_and_chage() {
    passwd -S tester | cut -d ' ' -f 1,2,4-
    as_tester passwd -S | cut -d ' ' -f 1,2,4-
    as_tester chage -l tester | tail -n 3
    as_tester chsh -s /bin/sh </dev/null >/dev/null 2>&1 || echo "chsh ended with $?"
    getent passwd tester
    as_tester mount -t tmpfs t /mnt 2>/dev/null || echo "mount ended with $?"
}

ping_has_a_capability() {
    ip link set lo up
    # Without privileges, certain groups may be allowed to send these packets.
    getcap "$(command -v ping)" | grep . || echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
    masked 's/time[ =][0-9.]+ ?ms/time N/; s/^rtt.*//' as_tester ping -c 2 -i 0.2 127.0.0.1
}

setuid_setgid_and_capable_programs_of_our_own() {
    mount -o remount,suid /tmp
    build prints_its_identity
    chmod 755 .
    for mode in 755 4755 2755 6755; do
        chmod "$mode" prints_its_identity
        as_tester env NUMARS_LOG=/tmp/work/log NUMARS_FSROOT=/nonexistent LD_PRELOAD=/nonexistent.so GLIBC_TUNABLES=a.b=c ./prints_its_identity 2>&1
    done
    chmod 755 prints_its_identity && setcap cap_net_raw+ep prints_its_identity
    try as_tester ./prints_its_identity 3
    ls log 2>/dev/null || echo "no log"
}

users_change_within_a_process() {
    cat >a.py <<'END'
import os, threading
print(os.getresuid())
os.setgroups([]); os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000)
ids = []
t = threading.Thread(target=lambda: ids.append(os.getresuid())); t.start(); t.join()
print(ids, os.system("exit $(id -u | wc -c)") >> 8)
try: os.setuid(0)
except PermissionError as e: print(e)
END
    python3 a.py
}

login_sessions_by_pam() {
    sh -c 'echo tester:other | chpasswd' 2>/dev/null || echo "chpasswd ended with $?"
    sg tester -c 'id -gn' || echo "sg ended with $?"
    newgrp tester </dev/null || echo "newgrp ended with $?"
    getent group tester
    getent hosts localhost | tr -s ' '
}
