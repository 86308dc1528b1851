# packages: pandoc
# programs: pandoc
# files: usr/share/pandoc/data
# what: GHC's threaded run-time system with `--numa`, which binds the heap of each capability to a node

printf '# One\n\ntwo *three*\n\n- four\n- five\n' >text.md
mkfifo never
# It waits for its input until it is killed.
heaps() {
    begin pandoc --from=markdown --to=html never +RTS -N4 -A4m "$@" -RTS
    exec 4<>never
    until_it has_heaps
    pages_of_mappings $pid | cut -d' ' -f2- | grep bind | sort -u
    end
    exec 4>&-
    cat /tmp/output
}
has_heaps() {
    [ "$(pages_of_mappings $pid 2>/dev/null | grep -c bind)" -ge 4 ] && sleep 1
}
for options in --numa --numa=5 --numa=15; do try "heaps $options" heaps $options; done
for options in '' -N4 '-N4 --numa' '-N2 --numa=6' '-N4 --numa=5' --numa=0 --numa=x --numa=240; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "text $options" pandoc --from=markdown --to=html text.md +RTS $options -RTS
done
