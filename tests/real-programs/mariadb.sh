# packages: mariadb-server-core
# programs: mariadbd
# files: usr/share/mariadb/english usr/share/mariadb/charsets
# what: creating and filling a table, with and without interleaving the buffer pool over the nodes (`innodb_numa_interleave`), and the nodes
# of the pool in a running server

mkdir data
server() {
    exec taskset 2 mariadbd --no-defaults --user=root --datadir="$PWD/data" --innodb-buffer-pool-size=32M --innodb-log-file-size=4M \
        --skip-networking --socket="$PWD/socket" --skip-grant-tables "$@"
}
cat >statements <<END
create database if not exists one;
create or replace table one.two (three int primary key) engine=InnoDB;
insert into one.two values (1), (2), (3);
END
what_concerns_nodes() {
    grep -iE 'numa|mbind|policy|error' | sed 's/^20[0-9: -]*//' | sort -u
}
bootstrap() {
    (server --bootstrap "$@") <statements 2>&1 | what_concerns_nodes
    ls data/one
}
for interleave in 0 1; do
    try "bootstrap $interleave" bootstrap --innodb-numa-interleave=$interleave
    try "server $interleave" server_placement --innodb-numa-interleave=$interleave
done
rm -rf data
