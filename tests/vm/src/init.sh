#!/bin/sh
# PID 1 of the guest: makes an ordinary small machine of it, runs the programs in /vm/jobs one after the other and
# tells the host on the second serial line what begins and ends (see frames.rs). The first serial line is the
# kernel's console.

export PATH=/usr/bin HOME=/root
# busybox finds itself through /proc. What is there already stays.
/usr/bin/busybox mount -t proc proc /proc
/usr/bin/busybox --install -s /usr/bin 2>/dev/null

# A step that fails ends PID 1, the kernel panics, and the host shows the console: no test runs on half a machine.
set -e
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mount -t hugetlbfs hugetlbfs /mnt/huge
# What a standard kernel does not have built in.
if [ -d /lib/modules ]; then modprobe -a nvme virtio_pci virtio_blk e1000 ext4; fi
# The disks are found while init already runs, in any order.
until disk=$(findfs LABEL=numars); do usleep 10000; done
mount -t ext4 "$disk" /mnt/ext4
# Pages stay where a test put them.
if [ -f /proc/sys/kernel/numa_balancing ]; then echo 0 >/proc/sys/kernel/numa_balancing; fi
ip link set lo up

# token, limit (seconds a program may run) and piped (whether output goes through a pipe). Gone before a program
# could read the token.
. /vm/settings
rm /vm/settings

# Held open all the time: the line would lose its raw mode with the last close.
exec 3<>/dev/ttyS1
stty raw -echo <&3
set +e -o pipefail

# In a subshell, which has no children: a SIGCHLD would interrupt the writing and this shell does not try again.
mark() (
    printf '\036%s %s\n' "$token" "$*" >&3
)

# In a subshell, so that this shell's own words about a killed program go to the console.
run() (
    exec timeout -s KILL "$limit" sh "$1" </dev/null 2>&1 3>&-
)

mark kernel "$(uname -r)"
# From here on the console shows every kernel message, with the program it belongs to.
echo 7 >/proc/sys/kernel/printk
for job in /vm/jobs/*; do
    number=${job##*/}
    echo "vm: program $number" >/dev/kmsg
    mark begin "$number"
    if [ "$piped" = yes ]; then run "$job" | cat >&3; else run "$job" >&3; fi
    status=$?
    # What a program leaves behind must not disturb the next one. The signal spares PID 1.
    kill -9 -1 2>/dev/null
    mark end "$number" "$status"
done
mark done
# The host ends the guest when it has read this. Powering off from here could lose what the line still holds.
exec sleep 1000000
