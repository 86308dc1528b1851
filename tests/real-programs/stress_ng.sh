# packages: stress-ng
# programs: stress-ng
# what: the stressor `numa`, and one with `--mbind`; it calls the kernel itself, so preloading must have no effect

try numa mask_numbers stress-ng --quiet --numa 1 --numa-ops 2 --timeout 60
for nodes in 1 0,2; do
    try "mbind $nodes" mask_numbers stress-ng --quiet --vm 1 --vm-bytes 8m --vm-ops 5 --mbind "$nodes" --timeout 60
done
