# packages: procenv
# packages: numactl
# programs: procenv
# files: usr/bin/numactl
# what: the policy and nodes that a program sees

try alone procenv --memory
for options in --membind=1,2 --interleave=all --preferred=3 --localalloc; do
    try "$options" numactl $options procenv --memory
done
