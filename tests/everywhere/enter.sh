#!/bin/sh
# Runs a case in the tree, with a library preloaded into every program of it. Usage: enter.sh TREE LIBRARY FAMILY/CASE
#
# Must be started in its own namespaces: mounts, processes, network, IPC, host name. The tree is read-only; the directories that a case
# may write to are empty at its start.
set -eu
tree=$1 library=$2 case=$3

mount --make-rprivate /
mount --bind "$tree" "$tree"
mount --bind "$PWD/tests/everywhere" "$tree/everywhere"
# The same number of processes in both cases, so that process IDs are those of a run without a library.
if [ "$library" = none ]; then list=none library=/dev/null; else list=full; fi
mount --bind "$library" "$tree/usr/lib/everywhere/libnuma.so.1"
mount --bind "$tree/etc/ld.so.preload.$list" "$tree/etc/ld.so.preload"
mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$tree/dev/pts"
mount --bind "$tree/dev/pts/ptmx" "$tree/dev/ptmx"
for folder in dev/shm home run tmp var/log var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$tree/$folder"; done
mkdir "$tree/home/tester" "$tree/tmp/work"
chown 1000:1000 "$tree/home/tester"
hostname everywhere
# Not chroot(2), in which user namespaces cannot be created.
cd "$tree"
pivot_root . .
exec chroot . sh -c 'umount -l . && cd / && exec "$@"' - \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM=dumb LC_ALL=C.UTF-8 TZ=UTC0 \
    sh /everywhere/case.sh "$list" "$case"
