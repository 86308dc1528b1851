# packages: numad
# programs: numad
# what: the nodes that it advises for so many CPUs and so much memory; it reads /sys itself: preloading must not disturb it

for wish in 1:64 2:128 4:256; do
    try "$wish" sh -c "numad -w $wish 2>/dev/null | sed 's/[0-9]/some/g'"
done
try mistake figures numad -w x
