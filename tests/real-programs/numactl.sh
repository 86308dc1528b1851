# packages: numactl
# programs: numactl memhog migspeed migratepages numastat
# files: usr/bin/ipcrm
# packages: util-linux
# what: every policy and affinity option, and the resulting placement of memory; --hardware and --show; policies for shared memory and
# files; moving a process's pages; statistics
# differs: show --balancing --membind=0,1: numa_get_membind() supports policies with mode flags
# differs: show --cpunodebind=ip:127.0.0.1: the warning names the host
# differs: show --membind=file:/mnt/ext4: the warning names the file

hardware() {
    numactl --hardware | sed -E 's/(free:) [0-9]+/\1 some/'
}
try hardware hardware
try version-and-mistakes sh -c 'numactl --version; numactl --help | tail -n 2; numactl --unknown 2>&1 | head -n 1'

# The node that the next page of an interleaved mapping gets is a random one.
show() {
    numactl "$@" numactl --show >/tmp/output 2>&1
    status=$?
    grep -vE 'interleave next|^interleavenode|^usage' /tmp/output | sed '/^ .*|/,/can have g/d'
    return $status
}
for options in '' --interleave=all '-i 0,2' '-i !1' --weighted-interleave=all '-w 1,3' --membind=1 '-m 1-2' '-m +0' '-m all' --preferred=2 \
    '-p 3' --preferred-many=1,3 '-P 2' --localalloc -l --cpunodebind=3 '-N 1,2' '-N +1' '-N !0' --physcpubind=0-1 '-C 2' '-C +0' '-C all' \
    '--all --physcpubind=1' '--cpunodebind=1 --membind=2' '--balancing --membind=0,1' '--balancing --cpunodebind=0' \
    '--physcpubind=3 --interleave=0-2' '--membind=netdev:lo' '--cpunodebind=ip:127.0.0.1' '--membind=file:/mnt/ext4' \
    --membind=9 --membind=abc --membind= --physcpubind=77 --physcpubind=x '--cpunodebind=9' '--interleave=1,,2' '--interleave=3-1' \
    '--localalloc --membind=1' '--membind=1 --interleave=2' --preferred=0-1 '--preferred=!0'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "show $options" show $options
done
# Where a policy has a choice, the CPU makes it.
for options in --interleave=all '-w 1,3' '--physcpubind=0 --membind=1-2' --preferred=2 '--physcpubind=1 --preferred-many=1,3' \
    '--physcpubind=2 --localalloc' --cpunodebind=3 '--cpunodebind=1 --membind=2' '--physcpubind=3 --interleave=0-2'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "placement $options" placement 16 numactl $options memhog -r100000 16m
done
for policy in default membind interleave preferred; do
    try "memhog $policy" placement 16 numactl --physcpubind=1 memhog -r100000 16m $policy 1,2
done
try memhog-once memhog -r2 2m interleave 0-1
try memhog-mistakes sh -c 'memhog 1m nonsense 1; memhog 1m membind 77; memhog 1m localalloc 1' 

segment() {
    touch key
    numactl --length 2m --shm key --membind 1 --touch
    numactl --length 2m --shm key --dump
    numactl --length 2m --shm key --dump-nodes
    numactl --length 2m --shm key --membind 1 --verify
    numactl --length 512k --offset 1m --shm key --interleave=0,2 --verify
    numactl --shm key --dump
    numactl --shm key --strict --membind 2 --touch
    numactl --shm key --dump
    for id in $(awk 'NR > 1 { print $2 }' /proc/sysvipc/shm); do
        numactl --length 2m --shmid "$id" --preferred 3 --verify
        numactl --length 2m --shmid "$id" --dump | sed 's/id [0-9]*/id some/'
        ipcrm -m "$id"
    done
    rm key
}
try shared-memory mask_numbers segment
file() {
    numactl --length 1m --file /dev/shm/file --membind 2 --touch
    numactl --file /dev/shm/file --dump --dump-nodes
    numactl --file /dev/shm/file --offset 256k --length 256k --interleave=all --touch --verify
    numactl --file /dev/shm/file --dump
    numactl --file /dev/shm/file --localalloc --verify
    numactl --file /dev/shm/missing/file --length 4m --membind 2 --touch
    numactl --length 2m --huge --shm key --membind 1 --touch
    rm -f /dev/shm/file key
}
try shared-file file

moved() {
    size=4096
    begin numactl --membind=0 memhog -r100000 16m
    until_it has_memory
    for pair in '0 3' '3 1,2' '1-2 0' 'all 2' '0 9'; do
        # shellcheck disable=SC2086 # the words are what is wanted
        migratepages $pid $pair
        echo "-- status $?"
        mappings $pid
    done
    end
}
try migratepages moved
try migratepages-mistakes sh -c 'migratepages; migratepages 999999 0 1; migratepages x 0 1'
try migspeed mask_numbers migspeed -p 2000 0 3
try migspeed-mistakes sh -c 'migspeed; migspeed -p 10 0 77'

for options in '' -n -m -c -s -V '-p 1' '-p 999999'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "numastat $options" mask_numbers numastat $options
done
