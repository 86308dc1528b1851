#!/bin/sh
# Preloads numars into every program of a Debian tree, by /etc/ld.so.preload, and compares the output and the exit status of programs
# with those without it. The last line is `N passed, N failed`.
# Usage: everywhere-test.sh [FAMILY[/CASE]…], as `make everywhere-test CASES="FAMILY[/CASE]…"`
# Example: make everywhere-test CASES=sandboxes/no_proc
#
# A case is a shell function in tests/everywhere/cases. It runs four times, each time in namespaces of its own: twice with nothing
# preloaded (if these two differ, the case is useless and fails), once with Debian's libnuma, once with numars. Standard output, standard
# error and exit status with numars must equal those with nothing. A case in which the preloaded library is visible has a comment that
# makes Debian's libnuma the reference instead.
#
# The tree and the packages stay in target/everywhere and are reused until the list of packages changes: 5 GB. All of this needs root.
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/debian-tree.sh
. scripts/debian-tree.sh

export LC_ALL=C
here=$PWD/target/everywhere
tree=$here/tree cache=$here/cache archives=$here/cache results=$here/results
numars=$PWD/target/c/libnuma.so.1.0.0
# Seconds for a run.
limit=120

# --- a case ---

# Each case as `FAMILY/CASE REFERENCE`, where REFERENCE is the run that the one with numars must equal.
list_cases() {
    awk '
        FNR == 1 { family = FILENAME; sub(/.*\//, "", family); sub(/\.sh$/, "", family); reference = "none" }
        /^# Compared with libnuma: / { reference = "libnuma" }
        /^[a-z0-9_]+\(\) {$/ { sub(/\(.*/, ""); print family "/" $0, reference; reference = "none" }' tests/everywhere/cases/*.sh
}

# What a run prints and its exit status, in the files of a folder.
run_case() { # case library folder
    mkdir -p "$3"
    timeout --foreground --signal=KILL "$limit" unshare --mount --pid --net --ipc --uts --fork --kill-child --propagation private \
        tests/everywhere/enter.sh "$tree" "$2" "$1" </dev/null >"$3/stdout" 2>"$3/stderr"
    echo $? >"$3/status"
}

# Fails if two runs differ, and shows how.
same() { # folder folder
    difference=0
    for file in status stdout stderr; do diff --text -u "$1/$file" "$2/$file" || difference=1; done
    return "$difference"
}

# The runs without numars, or with a reason why there is nothing to compare with.
run_references() { # case folder
    run_case "$1" none "$2/none"
    run_case "$1" none "$2/none-again"
    if ! same "$2/none" "$2/none-again"; then
        echo "two runs without a preloaded library differ"
    elif [ "$(cat "$2/none/status")" != 0 ]; then
        tail -n 20 "$2/none/stdout" "$2/none/stderr" "$2/none/status"
        echo "the case fails without a preloaded library"
    elif [ ! -s "$2/none/stdout" ] && [ ! -s "$2/none/stderr" ]; then
        echo "the case prints nothing, so there is nothing to compare"
    else
        return 0
    fi
    return 1
}

# One case in all ways: a line for it, and what differs. Called by xargs, for several cases at a time.
compare() { # case reference
    folder=$results/$1
    begin=$(date +%s)
    if ! said=$(run_references "$1" "$folder"); then
        verdict="FAIL  "
    else
        run_case "$1" "$here/libnuma.so.1" "$folder/libnuma"
        run_case "$1" "$numars" "$folder/numars"
        if said=$(same "$folder/$2" "$folder/numars"); then verdict="ok    "; else verdict="FAIL  "; fi
        if [ "$2" = libnuma ]; then
            note=" (as with libnuma)"
        elif ! same "$folder/none" "$folder/libnuma" >"$folder/libnuma/difference"; then
            note=" (libnuma differs)"
        fi
    fi
    echo "$verdict" >"$folder/verdict"
    said="$verdict everywhere  $1${note:-}, $(($(date +%s) - begin)) s${said:+
$(printf "%s\n" "$said" | tail -n 40)}"
    printf "%s\n" "$said"
}

# --- the tree ---

# The packages that families of cases name, and those that all need.
list_packages() {
    echo libnuma1 gcc libc6-dev
    sed -n 's/^# packages: //p' tests/everywhere/cases/*.sh
}

# What is there before the packages are.
configure() {
    # No documents but manual pages, no fsync(2), no servers that start when they are installed.
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/locale/*' 'path-exclude=/usr/share/info/*' \
        >"$tree/etc/dpkg/dpkg.cfg.d/everywhere"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod +x "$tree/usr/sbin/policy-rc.d"
    mkdir -p "$tree/etc/postgresql-common" "$tree/everywhere" "$tree/usr/lib/everywhere" "$tree/etc/sudoers.d"
    echo 'create_main_cluster = false' >"$tree/etc/postgresql-common/createcluster.conf"
    echo 'tester ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/tester"
    # Where a run mounts what it preloads; an empty list of libraries is none.
    : >"$tree/etc/ld.so.preload"
    : >"$tree/etc/ld.so.preload.none"
    echo /usr/lib/everywhere/libnuma.so.1 >"$tree/etc/ld.so.preload.full"
    : >"$tree/usr/lib/everywhere/libnuma.so.1"
    echo '127.0.0.1 localhost everywhere' >"$tree/etc/hosts"
    in_tree useradd --uid 1000 --shell /bin/bash tester
    # The password is "tester".
    in_tree sh -c 'echo tester:tester | chpasswd; dpkg --add-architecture i386; apt-get -qq update'
}

# What the tree is made of.
describe_tree() {
    echo "$release" "$mirror"
    list_packages
    cksum <scripts/everywhere-test.sh
}

make_tree() {
    mkdir -p "$cache"
    rm -rf --one-file-system "$tree" "$here/made-of"
    # shellcheck disable=SC2046 # one word for each package
    unshare --mount debootstrap --variant=minbase --cache-dir="$cache" ${keyring:+--keyring="$keyring"} "$release" "$tree" "$mirror" &&
        configure &&
        in_tree apt-get --yes --no-install-recommends install $(list_packages) &&
        describe_tree >"$here/made-of"
}

has_tree() {
    describe_tree | cmp -s - "$here/made-of"
}

# --- that it can fail ---

# What a bad library does, and the case that has to notice.
bad_libraries='
PRINTS basics/an_empty_program_is_silent
ALLOCATES processes/nothing_is_allocated_before_main
CHANGES_ERRNO processes/a_process_begins_as_usual
KEEPS_A_FILE_OPEN processes/a_process_begins_as_usual
STARTS_A_THREAD processes/a_process_begins_as_usual
HANDLES_A_SIGNAL processes/a_process_begins_as_usual
SETS_A_VARIABLE processes/a_process_begins_as_usual
ENDS_WITH_1 basics/an_empty_program_is_silent
TAKES_MEMORY limits/little_address_space
READS_PROC sandboxes/no_proc
IS_KILLED_IN_A_SANDBOX servers/sshd_confines_itself_by_seccomp
'

notices() { # what case
    folder=$results/bad/$1
    mkdir -p "$folder"
    gcc -shared -fPIC -pthread -O1 -D_GNU_SOURCE -D"$1" -o "$folder/bad.so" tests/everywhere/bad.c || return
    run_references "$2" "$folder" || return
    run_case "$2" "$folder/bad.so" "$folder/bad"
    ! same "$folder/none" "$folder/bad" >"$folder/difference"
}

check_bad_library() { # what case
    if said=$(notices "$1" "$2" 2>&1); then verdict="ok    "; else verdict="FAIL  "; fi
    echo "$verdict" >"$results/bad/$1/verdict"
    said="$verdict everywhere  a library that $(echo "$1" | tr '[:upper:]_' '[:lower:] ') is noticed by $2${said:+
$said}"
    printf "%s\n" "$said"
}

# --- all of it ---

finish() {
    passed=$(find "$results" -name verdict -exec grep -l '^ok' {} + | wc -l)
    failed=$(find "$results" -name verdict -exec grep -l '^FAIL' {} + | wc -l)
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

case ${1:-} in
--compare | --bad)
    if [ "$1" = --compare ]; then compare "$2" "$3"; else check_bad_library "$2" "$3"; fi
    exit
    ;;
esac

scripts/setup.sh everywhere || exit

skip() { # reason
    echo "skipped: numars preloaded into everything: $1"
    echo "0 passed, 0 failed"
    exit
}

find_debian || skip "$why"
[ "$(dpkg --print-architecture)" = amd64 ] || skip "its cases are for amd64"
mkdir -p "$here"
rm -rf --one-file-system "$results"
mkdir "$results"
if ! has_tree && ! make_tree >"$here/tree.log" 2>&1; then
    tail -n 40 "$here/tree.log"
    echo "FAIL   everywhere  a Debian tree with the packages"
    echo "0 passed, 1 failed"
    exit 1
fi
# Not where it is installed, which is where the tree's programs find it as well.
cp -L "$tree/usr/lib/$(gcc -print-multiarch)/libnuma.so.1" "$here/libnuma.so.1" || exit

list_cases >"$here/cases"
if [ $# != 0 ]; then
    for pattern; do awk -v pattern="$pattern" 'index($1, pattern) == 1' "$here/cases"; done >"$here/chosen"
else
    cp "$here/cases" "$here/chosen"
    echo "$bad_libraries" | sed '/^$/d' | xargs -L 1 -P "$(nproc)" "$0" --bad
fi
xargs -L 1 -P "$(nproc)" "$0" --compare <"$here/chosen"
finish
