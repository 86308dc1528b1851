#!/bin/sh
# PID 1 of the guest: makes an ordinary small machine of it, runs the programs in /vm/jobs one after the other and
# tells the host on a line of its own what begins and ends (see frames.rs). Another one is the
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
# Not every processor has huge pages.
if grep -qw hugetlbfs /proc/filesystems; then mount -t hugetlbfs hugetlbfs /mnt/huge; fi
# What a standard kernel does not have built in.
# No machine needs all of them; without a disk, init would wait for it below.
if [ -d /lib/modules ]; then
    for module in nvme virtio_pci virtio_blk virtio_console e1000 ext4; do modprobe -q "$module" || true; done
fi
# The disks are found while init already runs, in any order.
until disk=$(findfs LABEL=numars); do usleep 10000; done
mount -t ext4 "$disk" /mnt/ext4
# Pages stay where a test put them.
if [ -f /proc/sys/kernel/numa_balancing ]; then echo 0 >/proc/sys/kernel/numa_balancing; fi
# A node is full for the same number of pages, however fragmented its memory was before: the kernel would raise the limit for some time.
if [ -f /proc/sys/vm/watermark_boost_factor ]; then echo 0 >/proc/sys/vm/watermark_boost_factor; fi
# The reserve grows with the size of huge pages: with 32 MiB, to more than the tests leave free on full nodes.
if [ "$(cat /proc/sys/vm/min_free_kbytes)" -gt 70000 ]; then echo 70000 >/proc/sys/vm/min_free_kbytes; fi
ip link set lo up

# token, limit (seconds a program may run), piped (whether output goes through a pipe) and line (the device that leads to the host). Gone
# before a program could read the token.
. /vm/settings
rm /vm/settings

# Held open all the time: the line would lose its raw mode with the last close.
exec 3<>"/dev/$line"
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
