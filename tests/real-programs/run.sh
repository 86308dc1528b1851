#!/bin/sh
# Runs in the guest, for real_programs.rs: the programs that the other scripts here try, on Debian's libnuma, with numars preloaded, and
# with numars in libnuma's place. What they print is to be the same.
#
# A script has in its first comment which Debian packages it needs and which programs it tries, and tries them one case after the
# other; what differs from run to run it leaves out.

# try NAME COMMAND…: what the command prints, and how it ends.
try() {
    echo "== $1"
    shift
    "$@" 2>&1 </dev/null
    echo "-- status $?"
}

# placement MIB COMMAND…: which CPUs and nodes how many threads of a program may use, and how its large mappings lie once one of them
# is so large: their policy, and the nodes of their pages.
placement() {
    policies=.
    show_placement "$@"
}

# bound MIB COMMAND…: the same, but only of mappings with a policy of their own.
bound() {
    policies='^[^d]'
    show_placement "$@"
}

show_placement() {
    size=$(($1 * 256))
    shift
    begin "$@"
    until_it has_memory
    allowed
    mappings $pid | grep "$policies"
    end
}

# threads COUNT COMMAND…: which CPUs and nodes how many threads of a program may use, once there are so many.
threads() {
    count=$1
    shift
    begin "$@"
    until_it has_threads
    # They are pinned when they run.
    sleep 1
    allowed
    end
}

begin() {
    "$@" >/tmp/output 2>&1 </dev/null &
    pid=$!
}

# Waits for half a minute at most.
until_it() { # condition
    deadline=$(($(date +%s) + 30))
    while [ "$(date +%s)" -lt $deadline ] && kill -0 $pid 2>/dev/null && ! "$1"; do usleep 50000; done
}

# In pages, since the kernel tells so.
has_memory() {
    pages_of_mappings $pid 2>/dev/null | awk -v size=$size '$1 >= size { found = 1 } END { exit !found }'
}

has_threads() {
    [ "$(ls /proc/$pid/task 2>/dev/null | wc -l)" -ge "$count" ]
}

allowed() {
    cat /proc/$pid/task/*/status | grep -E '^(Cpus|Mems)_allowed_list' | sort | uniq -c
}

end() {
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
}

# For each mapping, but those of the program's files, a line: pages, policy, and the nodes that have a tenth of them at least.
pages_of_mappings() { # pid
    awk '!/ file=\/(usr|lib)/ {
        pages = 0
        for (i = 3; i <= NF; i++)
            if ($i ~ /^N[0-9]+=/) { split(substr($i, 2), part, "="); on[part[1]] = part[2]; pages += part[2] }
        nodes = ""
        for (node = 0; node < 64; node++)
            if (node in on) { if (10 * on[node] >= pages) nodes = nodes " " node; delete on[node] }
        print pages, $2 nodes
    }' "/proc/$1/numa_maps"
}

# Those of 2 MiB and more.
mappings() { # pid
    pages_of_mappings "$1" | awk '$1 >= 512 { $1 = ""; print substr($0, 2) }' | sort
}

# figures COMMAND…: what it prints, with " 0" for each number and address, and one space for many.
figures() {
    "$@" >/tmp/output 2>&1
    status=$?
    sed -E 's/[ \t]*(0x)?[0-9a-f]{8,}/ 0/g; s/[ \t]*[0-9]+(\.[0-9]+)?/ 0/g; s/[ \t]+/ /g' /tmp/output
    return $status
}

# The loader tells which library has each symbol that a program needs.
bindings() { # program
    LD_TRACE_LOADED_OBJECTS=1 LD_WARN=yes LD_BIND_NOW=yes LD_DEBUG=bindings "$1" 2>&1 |
        awk -v program="$1" '
            $2 == "binding" && $7 ~ /libnuma/ && $4 !~ /libnuma/ {
                gsub(/[`\047]/, "", $(NF - 1)); print "symbol", program, $7, $(NF - 1)
            }
            /undefined symbol|not found|no version information|cannot be preloaded/ { print "warning", $0 }' | sort -u
}

programs=$1 script=$2
export LD_BIND_NOW=1
: >/tmp/numars.log
for way in libnuma preloaded in-place; do
    echo "=== $way"
    case $way in
    preloaded)
        export LD_PRELOAD=/numars/libnuma.so.1 NUMARS_LOG=/tmp/numars.log
        ;;
    in-place)
        unset LD_PRELOAD NUMARS_LOG
        cp /numars/libnuma.so.1 /usr/lib/numars && mv /usr/lib/numars /usr/lib/libnuma.so.1
        # The folder that the loader finds it in is this one too.
        cmp -s /numars/libnuma.so.1 /lib/*-linux-gnu/libnuma.so.1 || echo "warning numars is not in place"
        ;;
    esac
    for program in $programs; do bindings "$program"; done
    # What is left over from one way must not be in the other's.
    rm -rf /tmp/work && mkdir /tmp/work && cd /tmp/work && . "$script"
    if [ "$way" = preloaded ]; then echo "logged $(wc -l </tmp/numars.log)"; fi
done
echo "=== end"
