# suite: sid
# packages: postgresql-18
# programs: usr/lib/postgresql/18/bin/postgres usr/lib/postgresql/18/bin/initdb
# files: usr/lib/postgresql/18/lib/dict_snowball.so usr/lib/postgresql/18/lib/plpgsql.so usr/lib/postgresql/18/lib/pg_buffercache.so
# files: usr/share/postgresql/18 usr/share/zoneinfo
# what: the views of shared memory by nodes, `pg_shmem_allocations_numa` and `pg_buffercache_numa`

# The database is made once, for all libraries. The server does not run as root.
data=/tmp/postgresql
chmod 666 /tmp/numars.log
as_nobody() {
    su -s /bin/sh nobody -c "exec $*"
}
# query CPU STATEMENT: on this CPU, whose node has the memory.
query() {
    echo "$2" | as_nobody taskset $((1 << $1)) postgres --single -D $data -c shared_buffers=16MB -c huge_pages=off template1 2>&1 |
        grep -E ' = "|ERROR|FATAL' | sed 's/(typeid.*//'
}
# It looks for its libraries next to its own directory, which is /usr/bin here.
ln -sf /usr/lib/postgresql/18/lib/*.so /usr/lib
if [ ! -e $data ]; then
    mkdir $data && chown nobody $data
    as_nobody initdb --no-sync --no-locale --encoding=UTF8 --auth=trust -D $data >/tmp/initdb 2>&1 </dev/null
    query 0 'create extension pg_buffercache' >/dev/null
fi
try made tail -n 4 /tmp/initdb
shared='from pg_shmem_allocations_numa'
try available query 0 'select pg_numa_available()'
for cpu in 1 3; do
    try "buffers on $cpu" query $cpu "select numa_node, sum(size) $shared where name = 'Buffer Blocks' group by 1 order by 1"
    try "all on $cpu" query $cpu "select numa_node, count(*) > 0, sum(size) > 1000000 $shared group by 1 order by 1"
    try "buffer cache on $cpu" query $cpu 'select numa_node, count(*) from pg_buffercache_numa group by 1 order by 1'
done
