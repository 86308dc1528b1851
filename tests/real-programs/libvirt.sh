# packages: libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86
# programs: libvirtd virsh
# files: usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so usr/bin/qemu-system-x86_64 usr/share/libvirt/cpu_map
# files: usr/share/qemu usr/share/seabios
# what: the nodes and pages that it reports, allocating huge pages, and virtual machines whose memory has each policy (`numatune`) and whose
# CPUs are pinned

mkdir -p /etc/libvirt
[ -e /var/run ] || ln -s /run /var/run
# Users that its packages create.
if ! grep -q libvirt-qemu /etc/passwd; then
    echo libvirt-qemu:x:64055:64055::/:/bin/sh >>/etc/passwd
    printf 'libvirt-qemu:x:64055:\nlibvirt:x:64056:\n' >>/etc/group
fi
cat >/etc/libvirt/libvirtd.conf <<'END'
auth_unix_ro = "none"
auth_unix_rw = "none"
END
# Without other daemons.
cat >/etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
stdio_handler = "file"
seccomp_sandbox = 0
END
libvirtd >/tmp/libvirtd.log 2>&1 &
daemon=$!
virsh() {
    command virsh --quiet --connect qemu:///system "$@"
}
deadline=$(($(date +%s) + 120))
until virsh version >/dev/null 2>&1 || [ "$(date +%s)" -gt $deadline ] || ! kill -0 $daemon; do sleep 1; done

topology() {
    virsh capabilities | sed -n '/<topology>/,/<\/topology>/p'
}
try topology topology
try freecell mask_numbers virsh freecell --all
huge_pages() {
    virsh allocpages 2M 3 --cellno 1
    virsh allocpages 2M 2 --cellno 3 --add
    virsh freepages --cellno 1 --pagesize 2M
    virsh allocpages 2M 1 --cellno 9
    cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages
    for node in 1 3; do virsh allocpages 2M 0 --cellno $node; done
}
try huge_pages huge_pages
# machine NUMATUNE CPUS
machine() {
    cat >machine.xml <<END
<domain type='qemu'>
  <name>machine</name>
  <memory unit='MiB'>32</memory>
  <vcpu cpuset='$2'>1</vcpu>
  <numatune>$1</numatune>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
    virsh create --paused machine.xml || return
    virsh numatune machine
    virsh vcpupin machine
    pid=$(cat /var/run/libvirt/qemu/machine.pid)
    cut -d' ' -f2 /proc/"$pid"/numa_maps | sort -u
    allowed | sed 's/^ *[0-9]* //' | sort -u
    virsh destroy machine
}
try strict machine "<memory mode='strict' nodeset='1'/>" 2
try "strict nodes" machine "<memory mode='strict' nodeset='0,2-3'/>" 0-1
try interleave machine "<memory mode='interleave' nodeset='1-2'/>" 3
try preferred machine "<memory mode='preferred' nodeset='3'/>" 1
try restrictive machine "<memory mode='restrictive' nodeset='1'/>" 2
try absent machine "<memory mode='strict' nodeset='7'/>" 2
kill $daemon
wait $daemon
