# packages: dpdk-dev
# programs: dpdk-testpmd
# files: usr/lib/x86_64-linux-gnu/dpdk/pmds-25.0/librte_mempool_ring.so.25.0
# what: huge pages on selected nodes (`--socket-mem`) and a buffer pool on each

# It takes no plugins from below folders that anybody may write to.
chmod 755 /
mkdir -p /var/run
for node in 0 1 2 3; do echo 24 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages; done
testpmd() {
    exec dpdk-testpmd -d /usr/lib/x86_64-linux-gnu/dpdk/pmds-25.0/librte_mempool_ring.so.25.0 --in-memory --no-pci --lcores "$1" --socket-mem "$2" -- --stats-period=1 --total-num-mbufs=2048
}
free_pages() {
    cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/free_hugepages
}
is_ready() {
    grep -q 'Port statistics\|Press enter\|Bye' /tmp/output
}
for memory in 16,16,16,16 0,32,0,0 8,0,24,0; do
    socket() {
        begin testpmd 0,1,2 "$memory"
        until_it is_ready
        free_pages
        end
        mv /tmp/output printed
        mask_numbers cat printed
    }
    try "memory $memory" socket
done
for node in 0 1 2 3; do echo 0 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages; done
