# Writes what objcopy and the linker read, from the table of symbols.
# Usage: awk -v folder=FOLDER -f symbols.awk symbols.tsv
#
#   wanted.txt      the options of the compiler that link each symbol from the archive that rustc makes
#   exports.txt     names of the default forms
#   older.txt       names of the older forms in the sources
#   versions.txt    the name in the sources and the versioned name of each older form
#   weak.txt        names of the weak symbols
#   open.txt        the linker's list of the symbols that a program can interpose
#   libnumars.map   the linker's version script
BEGIN { FS = "\t" }
/^#/ { next }
$4 == "node" {
    nodes[++count] = $1
    parent[$1] = $2 == "-" ? "" : " " $2
}
$3 == "default" {
    print "-u " $1 >(folder "/wanted.txt")
    print $1 >(folder "/exports.txt")
    symbols[$2] = symbols[$2] "        " $1 ";\n"
}
$3 == "older" {
    print "-u " $1 "_v1" >(folder "/wanted.txt")
    print $1 "_v1" >(folder "/older.txt")
    print $1 "_v1", $1 "@" $2 >(folder "/versions.txt")
}
$6 == "weak" { print $1 >(folder "/weak.txt") }
$7 == "yes" { open = open $1 "; " }
END {
    print "{ " open "};" >(folder "/open.txt")
    for (i = 1; i <= count; i++) {
        # In the last node: GNU ld hides the older forms if the wildcard is in libnuma_1.1.
        hidden = i == count ? "    local:\n        *;\n" : ""
        printf "%s {\n    global:\n%s%s}%s;\n", nodes[i], symbols[nodes[i]], hidden, parent[nodes[i]] >(folder "/libnumars.map")
    }
}
