# suite: sid
# packages: sptag
# programs: sptag-indexbuilder sptag-indexsearcher sptag-quantizer
# what: a search for nearest neighbours: building an index and searching it

awk 'BEGIN { for (i = 0; i < 200; i++) {
    printf "v%d\t", i; for (j = 0; j < 4; j++) printf "%s%d", (j ? "|" : ""), (i * 7 + j * 13) % 97
    print ""
} }' >vectors
for algorithm in BKT KDT; do
    # Trees are built by chance.
    build() {
        sptag-indexbuilder -d 4 -v Float -f TXT -i vectors -o index-$algorithm -a $algorithm -t "$1" | grep -E 'Save|Setting'
        md5sum index-$algorithm/vectors.bin
    }
    for threads in 4 1; do try "build $algorithm $threads" build $threads; done
    search() {
        sptag-indexsearcher -d 4 -v Float -f TXT -i vectors -x index-$algorithm -t "$1" -k 3 -o results >/dev/null 2>&1
        wc -c <results
        md5sum <results
    }
    for threads in 1 4; do try "search $algorithm $threads" search $threads; done
done
