# packages: procenv
# packages: numactl
# programs: procenv
# files: usr/bin/numactl
# what: what a program sees of its policy and nodes

try alone procenv --memory
for options in --membind=1,2 --interleave=all --preferred=3 --localalloc; do
    try "$options" numactl $options procenv --memory
done
