# packages: stress-ng
# programs: stress-ng
# what: the stressor `numa`, and memory bound by `--mbind`; it calls the kernel itself: preloading must not disturb it

try numa figures stress-ng --quiet --numa 1 --numa-ops 2 --timeout 60
for node in 1 0,2; do
    try "mbind $node" placement 8 stress-ng --vm 1 --vm-bytes 8m --vm-keep --mbind "$node" --timeout 60
done
