# packages: linux-perf
# programs: perf
# what: `perf bench numa mem`: processes and threads bound to CPUs and to nodes, and the nodes of their memory

bench='perf bench numa mem --quiet'
for options in '-p 1 -t 2 -P 2 -C 0,1 -M 1,2' '-p 2 -t 1 -P 1 -C 3,2 -M 0,3' '-p 1 -t 4 -T 1 -C 0-3' '-p 1 -t 2 -G 2 -M 1x2' '-p 1 -t 1 -P 2 -M 0-2'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "bench $options" mask_numbers $bench -l 1 $options
done
# A process of its own has the memory.
has_worker() {
    pid=$(cut -d" " -f1 /proc/$parent/task/$parent/children)
    pid=${pid:-$parent}
    [ "$pid" != $parent ] && has_memory
}
worker() {
    begin $bench -s 60 "$@"
    parent=$pid size=5120
    until_it has_worker
    mappings $pid | grep bind
    kill -9 $parent
    end
}
for options in '-p 1 -t 2 -P 24 -C 0,1 -M 1,1' '-p 1 -t 1 -P 24 -C 3 -M 2'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "placement $options" worker $options
done
for options in '-C 9' '-M 9' '-C x'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "mistake $options" mask_numbers $bench -l 1 -p 1 -t 1 -P 1 $options
done
