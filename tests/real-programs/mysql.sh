# suite: sid
# packages: mysql-server-core
# programs: mysqld
# files: usr/share/mysql/english usr/share/mysql/charsets usr/share/mysql/dictionary.txt
# what: the nodes of the buffer pool in a running server, with and without interleaving it over the nodes (`innodb_numa_interleave`)

# The database is made once, for all libraries.
data=/tmp/mysql
server() {
    exec taskset 2 mysqld --no-defaults --user=root --datadir=$data --innodb-buffer-pool-size=32M --innodb-redo-log-capacity=8M --mysqlx=OFF \
        --skip-networking --secure-file-priv= --socket="$PWD/socket" --performance-schema=OFF --disable-log-bin --lc-messages-dir=/usr/share/mysql \
        --character-sets-dir=/usr/share/mysql/charsets "$@"
}
[ -e $data ] || (server --initialize-insecure) >/tmp/initialize 2>&1 || cat /tmp/initialize
what_concerns_nodes() {
    grep -iE 'numa|mbind|policy|error' | sed 's/^20[^ ]* [0-9]* //' | sort -u
}
for interleave in 0 1; do try "server $interleave" server_placement --innodb-numa-interleave=$interleave; done
