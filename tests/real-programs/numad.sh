# packages: numad
# programs: numad
# what: that it advises nodes for so many CPUs and so much memory, which ones depends on the load; it reads /sys itself: preloading must not disturb it

for wish in 1:64 2:128 4:256; do
    try "$wish" sh -c "numad -w $wish 2>/dev/null | sed -E 's/[0-9,-]+/nodes/'"
done
try mistake figures numad -w x
