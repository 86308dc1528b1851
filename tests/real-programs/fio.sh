# packages: fio
# programs: fio
# what: threads bound to the CPUs of nodes (`numa_cpu_nodes`) with each `numa_mem_policy`, and the nodes of their buffers

job() {
    exec fio --name=job --thread --ioengine=sync --rw=write --filename=/dev/shm/job --size=16m --bs=16m --time_based --runtime=60 \
        --group_reporting "$@"
}
for policy in default local bind:2 prefer:3 interleave:0-3 interleave:1,2; do
    try "$policy" placement 16 job --numa_cpu_nodes=1 --numa_mem_policy=$policy
done
try "nodes 0" placement 16 job --numa_cpu_nodes=0 --numa_mem_policy=local
for nodes in 2-3 1,3 all; do
    try "nodes $nodes" threads 3 job --numa_cpu_nodes=$nodes --numa_mem_policy=local
done
for options in --numa_cpu_nodes=9 --numa_cpu_nodes=x --numa_mem_policy=bind:9 --numa_mem_policy=nonsense --numa_mem_policy=prefer:1,2; do
    try "mistake $options" fio --name=job --ioengine=null --size=1m $options --parse-only
done
once() {
    fio --name=job --thread --ioengine=null --size=4m --bs=1m --numa_cpu_nodes=1 --numa_mem_policy=bind:2 --minimal | cut -d';' -f1-7
}
try once mask_numbers once
rm -f /dev/shm/job
