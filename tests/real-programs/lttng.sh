# packages: lttng-tools liblttng-ust1t64
# programs: lttng lttng-sessiond usr/lib/x86_64-linux-gnu/lttng/libexec/lttng-consumerd
# files: usr/lib/x86_64-linux-gnu/lttng/libexec/lttng-consumerd usr/lib/x86_64-linux-gnu/liblttng-ust-libc-wrapper.so.1
# files: usr/lib/x86_64-linux-gnu/libgcc_s.so.1 usr/share/xml/lttng/session.xsd
# what: tracing a program on each CPU; the nodes of the buffers, which each CPU has on its own node

mkdir -p /var/run
export LTTNG_HOME="$PWD" LTTNG_UST_REGISTER_TIMEOUT=-1
# Its calls of malloc() are traced.
traced() {
    taskset "$1" env "LD_PRELOAD=liblttng-ust-libc-wrapper.so.1 $LD_PRELOAD" lttng version >/dev/null
}
buffers() {
    for process in $(pidof lttng-consumerd); do
        awk '/ file=\/(dev\/shm|memfd|tmp)/ {
            for (i = 3; i <= NF; i++) if ($i ~ /^N[0-9]+=/) { split(substr($i, 2), part, "="); if (part[2] >= 256) nodes[part[1]]++ }
        } END { for (node in nodes) print "node " node ": " nodes[node] " buffers" }' /proc/"$process"/numa_maps | sort
    done
}
session() {
    mask_numbers lttng-sessiond --daemonize --no-kernel
    lttng --no-sessiond create one --output="$PWD/trace" | sed 's/Trace output.*//'
    lttng enable-channel --userspace --subbuf-size=1M --num-subbuf=2 wide
    lttng enable-event --userspace --all --channel=wide
    lttng start
    for cpus in 1 2 4 8; do traced $cpus; done
    lttng stop | sed 's/ availability.*//'
    buffers
    for file in trace/ust/uid/0/*/wide_*; do [ -s "$file" ] && echo "${file##*/} has events"; done
    lttng destroy | sed 's/ one\.\..*//'
    kill "$(cat lttng-sessiond.pid .lttng/lttng-sessiond.pid /var/run/lttng/lttng-sessiond.pid 2>/dev/null)"
    sleep 2
}
try session session
