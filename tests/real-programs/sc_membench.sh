# suite: sid
# packages: sc-membench
# programs: membench-numa membench
# what: a measurement of memory, with the buffer of each thread bound to the thread's node

# Otherwise the scheduler chooses the nodes.
export OMP_PROC_BIND=true OMP_PLACES=threads
bench() {
    exec "$1" -s 8192 -o read -r 100000 -p 4 -t 60
}
# They are freed after each measurement.
has_buffers() {
    mappings $pid >now 2>/dev/null
    [ "$(wc -l <now)" -ge 4 ]
}
buffers() {
    begin bench "$1"
    until_it has_buffers
    cat now
    allowed
    end
}
for program in membench-numa membench; do
    try "buffers $program" buffers $program
    try "$program" mask_numbers $program -s 64 -r 1 -p 2 -v
done
