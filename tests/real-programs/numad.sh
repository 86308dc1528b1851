# packages: numad
# programs: numad
# what: recommending nodes for a number of CPUs and an amount of memory (which nodes depends on the load); it reads /sys itself, so
# preloading must have no effect

for wish in 1:64 2:128 4:256; do
    try "$wish" sh -c "numad -w $wish 2>/dev/null | sed -E 's/[0-9,-]+/nodes/'"
done
try mistake mask_numbers numad -w x
