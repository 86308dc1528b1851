# packages: suricata qatzip numatop rocminfo libfabric-bin qemu-utils
# programs: suricata qzip numatop rocminfo fi_info qemu-img qemu-io qemu-storage-daemon
# files: etc/suricata
# what: programs whose hardware the guest does not have (DPDK's devices, QuickAssist, performance counters, AMD's GPUs, Omni-Path), which are
# only started; QEMU's tools, with threads on the CPUs of nodes (`node-affinity`)

try suricata sh -c 'suricata -V; suricata --list-runmodes'
# DPDK gets its memory, and then has no device.
mkdir -p /var/run
for node in 0 1 2 3; do echo 8 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages; done
try suricata-devices mask_numbers suricata --dpdk -c /etc/suricata/suricata.yaml -l "$PWD"
for node in 0 1 2 3; do echo 0 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages; done
echo text >file
try qzip mask_numbers qzip -h
try qzip-file mask_numbers qzip -k file
try numatop sh -c 'numatop -h; numatop'
try rocminfo rocminfo
try fi_info sh -c 'fi_info -l; fi_info -p psm2; fi_info -p shm | head -n 8'
images() {
    qemu-img create -f qcow2 image 8M
    qemu-io -c 'write -P 7 1M 64k' -c 'read -vP 7 1M 16' image | grep -v sec
    qemu-img convert -O raw image raw
    qemu-img compare image raw
    md5sum raw
}
try qemu-images images
thread_context() {
    echo "{\"qom-type\": \"thread-context\", \"id\": \"threads\", \"node-affinity\": $1}"
}
for nodes in '[2]' '[0, 3]'; do
    try "qemu-threads $nodes" threads 2 qemu-storage-daemon --object "$(thread_context "$nodes")"
done
try qemu-mistake qemu-storage-daemon --object "$(thread_context '[9]')"
