# Runs in the guest (busybox sh), started by tests/soak.rs with SECONDS: a database under a reading and writing client, and a program whose memory
# changes in every way, while their pages are moved, memory goes offline and online, and the cpuset changes. Prints lines of `WHAT key=number ...`,
# which tests/soak.rs reads.
set -u

# In a shell of its own, which it replaces.
server() {
    exec /usr/sbin/mariadbd --no-defaults --user=root --datadir=/tmp/data --innodb-buffer-pool-size=32M --innodb-log-file-size=8M \
        --skip-networking --socket=/tmp/socket --skip-grant-tables "$@"
}
client() { mariadb --no-defaults --socket=/tmp/socket --skip-column-names --batch soak; }

give_up() {
    echo "failed: $1"
    cat "$2"
    exit 1
}

# --- the database and its client ---

mkdir /tmp/data /tmp/churn
echo 'create database soak;' | server --bootstrap >/tmp/log 2>&1
server >>/tmp/log 2>&1 </dev/null &
server_pid=$!
until grep -q 'ready for connections' /tmp/log; do
    kill -0 $server_pid || give_up "the database did not start" /tmp/log
    usleep 100000
done
echo 'create table held (id integer primary key, text varbinary(600) not null, sum integer unsigned not null) engine=innodb;' | client
cat >/tmp/client.sql <<SQL
delimiter //
begin not atomic
    declare written, wrong, longest, found bigint default 0;
    declare text varbinary(600);
    declare start, last, now datetime(6);
    set start = sysdate(6), last = start;
    while timestampdiff(second, start, sysdate(6)) < $SECONDS do
        set written = written + 1, text = repeat(md5(rand()), 16);
        replace into held values (written % 5000, text, crc32(text));
        select count(*) into found from held
            where id between written % 5000 - 50 and written % 5000 and sum <> crc32(held.text);
        set wrong = wrong + found, now = sysdate(6);
        set longest = greatest(longest, timestampdiff(microsecond, last, now)), last = now;
    end while;
    select concat('client statements=', 2 * written, ' wrong=', wrong, ' longest_pause_us=', longest);
end//
SQL
client </tmp/client.sql >/tmp/client.out 2>&1 &
client_pid=$!

# --- the other program, and what moves both ---

churn /tmp/churn >/tmp/churn.out 2>&1 &
churn_pid=$!

mover "$SECONDS" $server_pid $churn_pid >/tmp/mover.out 2>&1 &
mover_pid=$!

# --- faults ---

# The database may use fewer nodes for a moment, and all of them again.
mkdir /sys/fs/cgroup/soak
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
echo $server_pid >/sys/fs/cgroup/soak/cgroup.procs
faults() {
    cycles=0 refused=0 changes=0
    while [ ! -e /tmp/end ]; do
        for state in offline online_movable; do
            for file in /sys/devices/system/node/node2/memory*/state; do
                if echo $state >"$file"; then cycles=$((cycles + 1)); else refused=$((refused + 1)); fi 2>/dev/null
            done
            for nodes in 0-1 1 0-2; do
                echo $nodes >/sys/fs/cgroup/soak/cpuset.mems && changes=$((changes + 1))
                usleep 300000
            done 2>/dev/null
        done
    done
    echo "faults memory_blocks=$cycles refused_blocks=$refused cpuset_changes=$changes"
}
faults >/tmp/faults.out &
faults_pid=$!

# --- the end ---

wait $mover_pid || give_up "the mover" /tmp/mover.out
wait $client_pid || give_up "the client" /tmp/client.out
touch /tmp/end
wait $faults_pid
kill -0 $churn_pid 2>/dev/null || give_up "the program with changing memory" /tmp/churn.out
kill $churn_pid
wait $churn_pid || give_up "the program with changing memory" /tmp/churn.out
cat /tmp/mover.out /tmp/client.out /tmp/churn.out /tmp/faults.out
echo "select concat('table rows=', count(*), ' wrong=', coalesce(sum(sum <> crc32(text)), 0)) from held;" | client
kill $server_pid
wait $server_pid
echo "server status=$?"
dmesg | grep -E 'BUG|WARNING|Oops|general protection|soft lockup' >/tmp/complaints
echo "kernel complaints=$(wc -l </tmp/complaints)"
cat /tmp/complaints
