# packages: qemu-system-x86
# programs: qemu-system-x86_64
# files: usr/share/qemu usr/share/seabios
# what: a guest's memory with each policy and set of nodes (`host-nodes`), preallocated by threads

# On one CPU: where a policy has a choice, that makes it.
machine() {
    exec taskset 4 qemu-system-x86_64 -machine pc,memory-backend=memory -accel tcg -m 32M -display none -S -nodefaults \
        -object "memory-backend-ram,id=memory,size=32M,prealloc=on,prealloc-threads=2,$1"
}
for memory in policy=bind,host-nodes=1 policy=bind,host-nodes=2-3 policy=preferred,host-nodes=3 policy=interleave,host-nodes=0-3; do
    try "$memory" bound 32 machine $memory
done
try mistake sh -c 'qemu-system-x86_64 -machine none -object memory-backend-ram,id=m,size=1M,policy=bind,host-nodes=9; qemu-system-x86_64 -machine none -object memory-backend-ram,id=m,size=1M,policy=bind'
