# shellcheck shell=sh
# shellcheck disable=SC2016 # quoted code is for another shell or language
# Servers, on the loopback interface of their own network namespace.
# packages: iproute2 openssh-server openssh-client postgresql redis-server nginx-light mariadb-server memcached curl cron procps chrony vsftpd tor haproxy dbus-daemon dbus-bin

start_sshd() { # options…
    ip link set lo up
    mkdir /run/sshd
    install -d -o tester -m 700 /home/tester/.ssh
    ssh-keygen -q -t ed25519 -N '' -f key
    install -o tester -m 600 key.pub /home/tester/.ssh/authorized_keys
    cat >config <<'END'
Host server
HostName 127.0.0.1
Port 2222
User tester
IdentityFile /tmp/work/key
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
END
    /usr/sbin/sshd -D -f /dev/null -p 2222 -E "$PWD/log" -o LogLevel=DEBUG -o PidFile=none -o UsePAM=yes -o Subsystem='sftp internal-sftp' \
        -h /etc/ssh/ssh_host_ed25519_key "$@" &
    within 20 grep -q 'Server listening on' log
}

sshd_runs_commands() {
    start_sshd
    try ssh -F config server 'id -un; tty; echo err >&2; exit 7'
    try ssh -F config -tt server 'test -t 0 && echo a terminal' | tr -d '\r'
    seq 100000 | ssh -F config server md5sum
    seq 1000 >file
    scp -F config file server:copy && cmp file /home/tester/copy
    echo 'get copy back' | sftp -F config -b - server >/dev/null && cmp file back && echo equal
    ssh -F config -N -f -L 3333:127.0.0.1:2222 server
    ssh -F config -p 3333 server echo through a tunnel
    try ssh -F config -o IdentityFile=/etc/hostname -o BatchMode=yes server true
}

# The process that handles clients before login: its user, its sandbox, and whether it was killed there.
sshd_confines_itself_by_seccomp() {
    start_sshd -o LoginGraceTime=20
    # A client that sends nothing after the greeting.
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/2222; read -r line <&3; echo "${line%%-Open*}"; echo SSH-2.0-test >&3; sleep 3' &
    client=$!
    within 10 sh -c 'grep -q "Seccomp:.2" "/proc/$(pgrep -u sshd)/status"'
    grep -E '^(Uid|Seccomp|NoNewPrivs|CapEff):' "/proc/$(pgrep -u sshd)/status"
    wait "$client"
    # It handles the key exchange and failed logins.
    for cipher in chacha20-poly1305@openssh.com aes256-gcm@openssh.com aes128-ctr; do try ssh -F config -c "$cipher" server echo "$cipher"; done
    for kex in sntrup761x25519-sha512@openssh.com ecdh-sha2-nistp256 diffie-hellman-group14-sha256; do
        try ssh -F config -o KexAlgorithms="$kex" server echo "$kex"
    done
    try ssh -F config -o PreferredAuthentications=none server true
    grep -oE 'mm_log_handler|privsep_preauth: preauth child terminated.*|Seccomp.*|signal 31|Killed' log | sort | uniq -c
}

postgres() {
    ip link set lo up
    data=/run/postgres
    bin=$(echo /usr/lib/postgresql/*/bin)
    export PGHOST=/run/postgres-socket PGUSER=postgres PGDATABASE=postgres
    install -d -o postgres "$data" "$PGHOST"
    as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }
    masked 's/selecting default (max_connections|shared_buffers|time zone).*/selecting \1/' as_postgres "$bin/initdb" -D "$data" -A trust --no-sync | head -n 40
    as_postgres "$bin/pg_ctl" -D "$data" -w -s -l "$data/log" -o "-k $PGHOST -c max_parallel_workers_per_gather=2" start
    psql -At <<'END'
create table t as select i, md5(i::text) as h from generate_series(1, 200000) i;
set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select count(*), sum(i), max(h) from t where h like 'a%';
do $$ begin raise notice 'plpgsql'; end $$;
select pg_backend_pid() <> 0;
select nothing;
END
    pgbench -q -i -s 1 2>/dev/null
    pgbench -c 4 -j 2 -t 200 2>/dev/null | grep 'actually processed'
    psql -At -c 'vacuum full' -c checkpoint -c 'select count(*) from pgbench_history'
    as_postgres "$bin/pg_ctl" -D "$data" -s -m fast stop
    # pg_ctl may query the server before it has started, and stop it while one of its processes is busy.
    grep -E 'PANIC|FATAL|terminated by signal' "$data/log" | grep -vE 'is starting up|due to administrator command' || echo no complaint
    grep -o 'database system is shut down' "$data/log"
}

redis() {
    ip link set lo up
    redis-server --port 7777 --dir /tmp/work --daemonize no --save '' --io-threads 2 --logfile log &
    server=$!
    within 20 redis-cli -p 7777 ping
    redis-cli -p 7777 set key value
    redis-cli -p 7777 eval 'return redis.call("get", "key") .. ARGV[1]' 0 x
    redis-benchmark -p 7777 -q -n 5000 -t set,get,lpush >/dev/null && echo benchmark ended
    # A child process writes the data.
    redis-cli -p 7777 bgsave
    within 20 sh -c 'redis-cli -p 7777 info persistence | grep rdb_bgsave_in_progress:0'
    redis-cli -p 7777 info persistence | grep rdb_last_bgsave_status
    redis-cli -p 7777 dbsize
    redis-cli -p 7777 shutdown nosave
    try wait "$server"
    grep -cE 'crashed|WARNING Overcommit.*error' log || :
}

nginx() {
    ip link set lo up
    mkdir site && seq 100000 >site/numbers
    chmod 755 . site
    cat >nginx.conf <<'END'
daemon off; worker_processes 2; pid /run/nginx.pid; error_log /tmp/work/error.log notice; user www-data;
events { worker_connections 64; }
http {
    access_log /tmp/work/access.log;
    client_body_temp_path /tmp/work/body; proxy_temp_path /tmp/work/proxy; fastcgi_temp_path /tmp/work/f; uwsgi_temp_path /tmp/work/u; scgi_temp_path /tmp/work/s; aio threads; sendfile on; gzip on; gzip_types *;
    server { listen 127.0.0.1:8080; root /tmp/work/site;
        location /proxy/ { proxy_pass http://127.0.0.1:8080/; } location /no { return 403; } }
}
END
    command nginx -q -t -c "$PWD/nginx.conf" -e "$PWD/error.log" && echo tested
    command nginx -c "$PWD/nginx.conf" -e "$PWD/error.log" &
    server=$!
    within 20 curl -s http://127.0.0.1:8080/
    curl -s http://127.0.0.1:8080/numbers | md5sum
    curl -s --compressed http://127.0.0.1:8080/proxy/numbers | md5sum
    curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/no
    seq 200 | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1:8080/numbers?{}' | sort | uniq -c
    kill -HUP "$server"
    within 10 grep -q 'signal 1 (SIGHUP)' error.log
    curl -s http://127.0.0.1:8080/numbers | md5sum
    stop QUIT "$server"
    grep -cE 'exited on signal|\[(alert|crit|emerg)\]' error.log || :
}

mariadb() {
    data=/run/mariadb
    install -d -o mysql "$data"
    quiet mariadb-install-db --no-defaults --user=mysql --datadir="$data" --auth-root-authentication-method=normal --skip-test-db
    mariadbd --no-defaults --user=mysql --datadir="$data" --socket=/run/mariadb/socket --skip-networking --innodb-use-native-aio=0 >log 2>&1 &
    server=$!
    within 40 mariadb-admin --no-defaults --socket=/run/mariadb/socket ping
    command mariadb --no-defaults --socket=/run/mariadb/socket --table <<'END'
create database d; use d;
create table t (i int primary key, h varchar(40)) engine=innodb;
insert into t select seq, md5(seq) from seq_1_to_20000;
select count(*), sum(i), max(h) from t where h like 'a%';
check table t;
END
    mariadb-slap --no-defaults --socket=/run/mariadb/socket --auto-generate-sql --concurrency=4 --number-of-queries=200 >/dev/null && echo slap ended
    mariadb-admin --no-defaults --socket=/run/mariadb/socket shutdown
    try wait "$server"
    grep -cE '\[ERROR\]|signal' log || :
}

# With interleaved InnoDB memory, it calls libnuma's functions.
mariadb_with_numa_interleave() {
    data=/run/mariadb
    install -d -o mysql "$data"
    quiet mariadb-install-db --no-defaults --user=mysql --datadir="$data" --auth-root-authentication-method=normal --skip-test-db
    echo 'select 6 * 7;' >init.sql
    chmod 644 init.sql
    mariadbd --no-defaults --user=mysql --datadir="$data" --bootstrap --innodb-numa-interleave=1 --innodb-use-native-aio=0 <init.sql >log 2>&1 ||
        echo "mariadbd ended with $?"
    grep -iE 'mempolicy|mbind|numa' log | sed 's/^[0-9: -]* //' | sort -u
}

memcached() {
    ip link set lo up
    command memcached -u nobody -l 127.0.0.1 -p 11222 -t 4 -m 32 &
    server=$!
    talk() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/11222; printf "%b" "$1" >&3; cat <&3' - "$1" | tr -d '\r'; }
    within 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/11222'
    talk 'set key 0 0 5\r\nvalue\r\nget key\r\ndelete key\r\nget key\r\nquit\r\n'
    stop TERM "$server"
}

cron_runs_a_job() {
    mount -t tmpfs tmpfs /var/spool/cron/crontabs
    echo '@reboot (id -un; env | sort | cut -d= -f1; exit 3) >/tmp/work/output 2>&1; echo "ended with $?" >>/tmp/work/output' |
        crontab -u tester -
    chmod 1777 .
    command cron -f -L 0 &
    server=$!
    within 20 grep -q ended output
    cat output
    stop TERM "$server"
}

# Its seccomp filter kills it for an unexpected system call.
chronyd_confines_itself_by_seccomp() {
    ip link set lo up
    mkdir -m 750 /run/chrony
    printf 'local stratum 10\nallow 127.0.0.1\npidfile /run/chronyd.pid\nbindcmdaddress /run/chrony/chronyd.sock\nuser root\nport 1230\n' >chrony.conf
    chronyd -F 1 -x -d -f "$PWD/chrony.conf" 2>log &
    server=$!
    within 20 chronyc -h /run/chrony/chronyd.sock tracking
    grep Seccomp: "/proc/$server/status"
    chronyc -h /run/chrony/chronyd.sock tracking | grep -E '^(Stratum|Leap)'
    chronyc -h /run/chrony/chronyd.sock serverstats | wc -l
    stop TERM "$server"
}

tor_confines_itself_by_seccomp() {
    : >torrc
    mkdir -m 700 sockets
    command tor -f /tmp/work/torrc --Sandbox 1 --DisableNetwork 1 --SocksPort 0 --ControlPort unix:/tmp/work/sockets/control --DataDirectory /tmp/work/data \
        --Log 'notice file /tmp/work/log' >/dev/null 2>&1 &
    server=$!
    within 20 test -S sockets/control
    within 20 sh -c "grep -q 'Seccomp:.2' /proc/$server/status" && echo confined
    within 20 grep 'Starting with guard context' log
    # On SIGTERM it crashes about once in a hundred times, even with nothing preloaded.
    stop KILL "$server"
    grep -ciE 'sandbox violation|bug' log || :
}

# Two processes per connection: a confined one in an empty directory talks to the client. In Debian 12, its sandbox kills it when it
# transfers files, whatever is preloaded.
vsftpd_confines_itself_by_seccomp() {
    ip link set lo up
    mkdir -p /run/vsftpd/empty /tmp/site && seq 10000 >/tmp/site/numbers
    chmod 755 /tmp/site
    printf '%s\n' listen=YES listen_port=2121 anonymous_enable=YES anon_root=/tmp/site local_enable=NO seccomp_sandbox=YES isolate_network=NO \
        secure_chroot_dir=/run/vsftpd/empty pasv_enable=YES background=NO ftp_username=tester xferlog_enable=NO >vsftpd.conf
    vsftpd "$PWD/vsftpd.conf" &
    server=$!
    within 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2121'
    for user in anonymous root; do
        bash -c 'exec 3<>/dev/tcp/127.0.0.1/2121; printf "%s\r\n" "USER $1" "PASS word" "TYPE I" PWD NOOP QUIT >&3; cat <&3' - "$user" |
            tr -d '\r'
    done
    stop TERM "$server"
}

haproxy_in_an_empty_folder() {
    ip link set lo up
    mkdir /run/empty
    cat >haproxy.cfg <<'END'
global
    chroot /run/empty
    user nobody
    nbthread 4
    master-worker
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend all
    bind 127.0.0.1:8081
    http-request return status 200 content-type text/plain lf-string "%[path,upper] %[rand(1)]\n" if { path_beg /a }
    http-request deny deny_status 403
END
    haproxy -f haproxy.cfg >log 2>&1 &
    server=$!
    within 20 curl -s http://127.0.0.1:8081/a
    curl -s http://127.0.0.1:8081/abc
    seq 100 | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1:8081/{}' | sort | uniq -c
    stop USR1 "$server"
    grep -c ALERT log || :
}

dbus_starts_a_session() {
    dbus-run-session -- sh -c 'dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames | wc -l; exit 3' ||
        echo "dbus-run-session ended with $?"
}
