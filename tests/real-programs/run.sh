#!/bin/sh
# Runs in the guest, for real_programs.rs: runs the programs of the other scripts here on Debian's libnuma, with numars preloaded, and
# with numars installed in place of libnuma. Their output must be the same.
#
# The first comment of a script names the Debian packages that it needs and the programs that it runs. It runs them one case after the
# other, and removes output that differs from run to run.

# try NAME COMMAND…: prints the output and exit status of the command.
try() {
    echo "== $1"
    shift
    "$@" 2>&1 </dev/null
    echo "-- status $?"
}

# placement MIB COMMAND…: prints how many threads of a program may use which CPUs and nodes, and, once one of its mappings is this
# large, the policy of its large mappings and the nodes of their pages.
placement() {
    policies=.
    show_placement "$@"
}

# bound MIB COMMAND…: the same, but only for mappings that have their own policy.
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

# threads COUNT COMMAND…: prints how many threads of a program may use which CPUs and nodes, once there are COUNT threads and nothing has
# changed for a second: threads are pinned once they run, and some programs start others first, which end.
threads() {
    count=$1
    shift
    begin "$@"
    until_it has_settled
    allowed
    end
}

# server_placement ARGUMENT…: starts the script's function `server`, a database, and prints, once it is ready, the policies and nodes of its large
# mappings that have a policy of their own, and then what the script's `what_concerns_nodes` keeps of its output.
server_placement() {
    begin server "$@"
    until_it is_ready_for_connections
    mappings $pid | grep -v default
    end
    what_concerns_nodes </tmp/output
}

is_ready_for_connections() {
    grep -q 'ready for connections' /tmp/output
}

begin() {
    "$@" >/tmp/output 2>&1 </dev/null &
    pid=$!
}

# Waits at most half a minute.
until_it() { # condition
    deadline=$(($(date +%s) + 30))
    while [ "$(date +%s)" -lt $deadline ] && kill -0 $pid 2>/dev/null && ! "$1"; do usleep 50000; done
}

# In pages, as the kernel reports them.
has_memory() {
    pages_of_mappings $pid 2>/dev/null | awk -v size=$size '$1 >= size { found = 1 } END { exit !found }'
}

has_threads() {
    [ "$(ls /proc/$pid/task 2>/dev/null | wc -l)" -ge "$count" ]
}

has_settled() {
    before=$(allowed 2>/dev/null)
    sleep 1
    has_threads && [ "$(allowed 2>/dev/null)" = "$before" ]
}

allowed() {
    cat /proc/$pid/task/*/status | grep -E '^(Cpus|Mems)_allowed_list' | sort | uniq -c
}

end() {
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
}

# Prints a line for each mapping, except those of the program's files: pages, policy, and the nodes with at least a tenth of the pages.
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

# The mappings of 2 MiB and more.
mappings() { # pid
    pages_of_mappings "$1" | awk '$1 >= 512 { $1 = ""; print substr($0, 2) }' | sort
}

# mask_numbers COMMAND…: prints its output with each number and address replaced by " 0", and each run of blanks by a space.
mask_numbers() {
    "$@" >/tmp/output 2>&1
    status=$?
    sed -E 's/[ \t]*(0x)?[0-9a-f]{8,}/ 0/g; s/[ \t]*[0-9]+(\.[0-9]+)?/ 0/g; s/[ \t]+/ /g' /tmp/output
    return $status
}

# Prints the library to which the loader binds each libnuma symbol of a program.
bindings() { # program
    LD_TRACE_LOADED_OBJECTS=1 LD_WARN=yes LD_BIND_NOW=yes LD_DEBUG=bindings "$1" 2>&1 | symbols "$1"
}

# opens PROGRAM COMMAND…: prints the same of a command, for a program that opens libnuma, or libraries that need it, while it runs. Scripts
# call it before their first case.
opens() {
    program=$1
    shift
    { LD_DEBUG=bindings "$@" </dev/null; } 2>&1 | symbols "$program" | grep ^symbol
}

symbols() { # program
    awk -v program="$1" '
        # What dlsym() looks up is shown as a symbol of the library itself, without a version.
        $2 == "binding" && $7 ~ /libnuma/ && ($4 !~ /libnuma/ || !/\]$/) {
            name = $0; sub(/.*symbol `/, "", name); sub(/\047.*/, "", name); print "symbol", program, $7, name
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
        # The loader's directory is a symbolic link to this one.
        cmp -s /numars/libnuma.so.1 /lib/*-linux-gnu/libnuma.so.1 || echo "warning numars is not in place"
        ;;
    esac
    for program in $programs; do bindings "$program"; done
    # Remove what the previous run has left.
    rm -rf /tmp/work && mkdir /tmp/work && cd /tmp/work && . "$script"
    if [ "$way" = preloaded ]; then echo "logged $(wc -l </tmp/numars.log)"; fi
done
echo "=== end"
