# packages: mariadb-server-core
# programs: mariadbd
# files: usr/share/mariadb/english usr/share/mariadb/charsets
# what: a buffer pool that is interleaved over the nodes (`innodb_numa_interleave`), and one that is not

mkdir data
server() {
    exec taskset 2 mariadbd --no-defaults --user=root --datadir="$PWD/data" --innodb-buffer-pool-size=32M --innodb-log-file-size=4M \
        --skip-networking --socket="$PWD/socket" --skip-grant-tables "$@"
}
statements() {
    echo "create database one; create table one.two (three int primary key) engine=InnoDB; insert into one.two values (1), (2), (3);
        select sum(three) from one.two; drop database one;" | server --bootstrap "$@" 2>&1 | grep -iE 'numa|mbind|policy|error|^[0-9]'
}
for interleave in 0 1; do
    try "bootstrap $interleave" statements --innodb-numa-interleave=$interleave
    try "placement $interleave" bound 40 server --innodb-numa-interleave=$interleave
done
rm -rf data
