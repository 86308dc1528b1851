# shellcheck shell=sh
# Shells, common command-line tools, archives, terminals.
# packages: procps bsdutils gawk make xz-utils zstd rsync busybox-static less man-db groff-base git screen tmux openssl gnupg sqlite3

an_empty_program_is_silent() {
    try true
    try false
    true 2>&1 | od -c
    echo ended
}

shells_and_coreutils() {
    ls -l /usr/lib/everywhere/.. >/dev/null
    id
    umask
    seq 1000 | sort --parallel=2 -r | uniq -c | tail -n 2
    printf 'b\na\n' | sort | tee copy | md5sum
    stat --format '%n %s %a' copy
    try ls /nonexistent
    try sh -c 'exit 7'
    env -i /usr/bin/env
    timeout 0.2 sleep 10 || echo "timeout ended with $?"
    nice -n 5 nice
    dd if=/dev/zero bs=1k count=5 2>/dev/null | wc -c
}

bash_with_jobs_traps_and_substitutions() {
    cat >script <<'END'
declare -A ages=([anna]=3 [bo]=5)
for name in anna bo; do echo "$name ${ages[$name]}"; done
trap 'echo caught' USR1
kill -USR1 $$
(exit 3) & wait $! || echo "job ended with $?"
paste <(seq 3) <(seq 4 6)
coproc cat; echo through >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo "$line"
yes | head -n 1; echo "${PIPESTATUS[@]}"
ulimit -S -n 64; ulimit -n
[[ $(type -t cd) == builtin ]] && echo builtin
END
    bash -u script
}

ends_by_signals() {
    for signal in HUP INT QUIT ILL ABRT FPE KILL SEGV PIPE TERM USR1; do
        # The outer shell does not print the process ID.
        (sh -c "kill -$signal \$\$") 2>/dev/null || echo "$signal: $?"
    done
}

xargs_and_find_run_many_programs() {
    mkdir -p many
    seq 300 | xargs -P 4 -I{} touch many/{}
    find many -type f -exec sh -c 'echo "${0##*/}"' {} \; | sort -n | md5sum
}

archives() {
    mkdir folder && seq 10000 >folder/numbers && ln -s numbers folder/link && mkfifo folder/fifo
    for tool in gzip xz zstd; do
        tar --sort=name --mtime=@0 --owner=0 --group=0 -c --use-compress-program="$tool" -f "archive.$tool" folder
        tar -tvf "archive.$tool"
        mkdir "$tool" && tar -x -C "$tool" -f "archive.$tool" && diff folder/numbers "$tool/folder/numbers"
    done
    xz -T2 -c folder/numbers | xz -dc | md5sum
    rsync -a folder/ copy/ && diff -r --exclude=fifo folder copy && echo copied
}

text_tools() {
    man -w bash >/dev/null
    seq 100 | awk '{ sum += $1 } END { print sum }'
    seq 100 | gawk 'BEGIN { PROCINFO["sorted_in"] = "@ind_num_desc" } { a[$1 % 7] += $1 } END { for (i in a) print i, a[i] }'
    echo 'one two' | sed -E 's/(\w+) (\w+)/\2 \1/'
    seq 50 | grep -E '^(1|2)+$'
    seq 5 | diff - /dev/null || echo "diff ended with $?"
}

man_formats_a_page_for_less() {
    MANPAGER=cat MANWIDTH=80 man bash | md5sum
    seq 100 | less | tail -n 1
}

make_runs_jobs() {
    cat >Makefile <<'END'
all: $(addsuffix .out,1 2 3 4 5 6 7 8)
	cat $^
%.out:
	@echo $* | md5sum >$@
fails:
	exit 3
END
    make -s -j4
    try make fails
}

programs_on_a_terminal() {
    script --quiet --return --command 'tty >/dev/null && stty size && ls /usr/lib/everywhere' /dev/null
    script --quiet --return --command 'exit 4' /dev/null || echo "script ended with $?"
}

tmux_and_screen() {
    tmux -f /dev/null -S socket new-session -d -x 80 -y 10 'echo in tmux; exec cat'
    within 10 sh -c 'tmux -S socket capture-pane -p | grep "in tmux"'
    tmux -S socket capture-pane -p | head -n 1
    tmux -S socket kill-server
    mkdir -m 700 /run/sockets
    SCREENDIR=/run/sockets screen -D -m sh -c 'echo in screen >output'
    cat output
}

git_commits_clones_and_repacks() {
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    export GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'
    git init --quiet --initial-branch=main one
    for number in $(seq 5); do
        seq "$number" >"one/file$number"
        git -C one add . && git -C one commit --quiet --message "commit $number"
    done
    git -C one log --oneline --stat
    git -C one gc --quiet
    git -C one fsck 2>&1
    git clone --quiet one two && git -C two rev-parse HEAD
    git -C two grep -c 3
}

openssl_and_gnupg() {
    echo text >file
    openssl genpkey -quiet -algorithm ED25519 -out key.pem 2>/dev/null || openssl genpkey -algorithm ED25519 -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
    openssl pkeyutl -sign -inkey key.pem -rawin -in file -out signature
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in file -sigfile signature
    openssl dgst -sha256 file
    export GNUPGHOME=/run/gnupg
    mkdir -m 700 "$GNUPGHOME"
    gpg --quiet --batch --passphrase '' --quick-generate-key someone default default never 2>/dev/null
    gpg --quiet --armor --sign file
    gpg --quiet --decrypt file.asc 2>/dev/null
    gpgconf --kill all
}

sqlite() {
    sqlite3 data 'create table t (a integer primary key, b text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) insert into t select i, hex(i) from n;
        select count(*), sum(a), max(b) from t; pragma integrity_check;'
}

# A static program has no loader.
static_busybox() {
    busybox sh -c 'echo $((6 * 7)); ls /usr/lib/everywhere'
    busybox seq 100 | busybox md5sum
    busybox true
}
