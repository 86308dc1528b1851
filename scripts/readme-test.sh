#!/bin/sh
# Runs the commands of README.md, line by line, in a clean Debian tree that has only the packages that README.md asks for: as an ordinary
# user with this machine's Rust, and those that begin with sudo as root, who has no Rust. One line for each, and `N passed, N failed` at
# the end.
#   NUMARS_VM_CACHE   where the guest's kernel and tools are; the demo runs without a guest if its kernel has not been fetched yet
# Example: make readme-test
#
# Commands are the lines of the blocks of kind `sh`, and the lines after `$ ` in blocks of kind `console`. The tree has this machine's
# release. The packages come from an archive in the tree, and the crates from this machine's cache, so the commands need no network.
#
# Functions are called through `check`, and debian-tree.sh sets variables, which shellcheck does not see:
# shellcheck disable=SC2317,SC2154
set -u
cd "$(dirname "$0")/.." || exit

export LC_ALL=C.UTF-8
passed=0 failed=0

# check WHAT COMMAND…: one check, judged by the command's exit status; what it says is shown if it fails.
check() {
    what=$1
    shift
    if "$@" </dev/null >"$said" 2>&1; then
        passed=$((passed + 1))
        echo "ok     readme  $what"
    else
        failed=$((failed + 1))
        echo "FAIL   readme  $what"
        tail -n 60 "$said"
        return 1
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

# Each command, after a word for its kind of block.
commands() {
    awk '
        /^```/ { kind = within ? "" : substr($0, 4); within = !within; next }
        kind == "sh" && /./ { print "sh", $0 }
        kind == "console" && sub(/^\$ /, "") { print "console", $0 }
    ' README.md
}

# --- in the tree, as an ordinary user ---

# It says which library it runs on. It is in PATH under the name that README.md gives the reader's program, linked with libnuma.
write_program() {
    cat >"$1" <<'C'
#define _GNU_SOURCE
#include <numa.h>
#include <numaif.h>
#include <dlfcn.h>
#include <stdio.h>

/* Of a static library; of a shared one, dlsym(3) says whether it is there. */
extern const char *numars_version(void) __attribute__((weak));

int main(void)
{
    puts(numars_version != NULL || dlsym(RTLD_DEFAULT, "numars_version") != NULL ? "numars" : "libnuma");
    return numa_available() > 0;
}
C
}

runs_on() { # library command…
    expected=$1
    shift
    found=$("$@") && echo "$* runs on $found" && [ "$found" = "$expected" ]
}

nothing_of_roots_is_in_the_sources() {
    find . ! -user "$(id -un)" -print >"$HOME/of-others" && cat "$HOME/of-others" && [ ! -s "$HOME/of-others" ]
}

root_has_no_rust() {
    sudo sh -c 'command -v cargo || command -v rustc' && return 1
    cargo --version
}

nothing_is_installed() {
    find /usr/local ! -type d -print | sort >"$HOME/now" && diff -u "$HOME/before" "$HOME/now" && ! /sbin/ldconfig -p | grep numars
}

# A project that asks for numa, in the environment that README.md sets up.
numa_is_numars() {
    # shellcheck disable=SC2046 # words
    cc -o "$HOME/unchanged" "$HOME/program.c" $(pkg-config --cflags --libs numa) && runs_on numars "$HOME/unchanged"
}

the_packages_are_there() {
    ls -l target/deb && [ "$(find target/deb -maxdepth 1 -name '*.deb' | wc -l)" -ge 4 ]
}

the_demo_moved_pages() {
    if [ -n "${NUMARS_VM_CACHE:-}" ]; then
        grep -E '^[0-9a-f]+ +(0123){16}$' "$HOME/demo" && grep -E '^[0-9a-f]+ +3{64}$' "$HOME/demo"
    else
        grep -E '^[0-9a-f]+ +0{64}$' "$HOME/demo"
    fi
}

# What a command is to have done, beyond ending with 0.
then_check() { # command
    case $1 in
    'make demo'*) cp "$said" "$HOME/demo" && check "the demo moved pages, or drew them" the_demo_moved_pages ;;
    'make && sudo make install '*)
        check "root left no file in the sources" nothing_of_roots_is_in_the_sources
        check "a program that was linked with libnuma runs on it" runs_on libnuma program
        ;;
    'make deb'*) check "the packages are in target/deb" the_packages_are_there ;;
    'numars-run program'*) cp "$said" "$HOME/ran" && check "the program ran on numars" grep -x numars "$HOME/ran" ;;
    'cc -o program '*) check "it runs on numars" runs_on numars ./program ;;
    'cc -o move_with_progress '*) ;;
    'export PKG_CONFIG_PATH='*) check "a project that asks for numa runs on numars" numa_is_numars ;;
    'sudo make install-dropin'*) check "a program that was linked with libnuma runs on numars" runs_on numars program ;;
    'sudo make uninstall-dropin'*)
        check "nothing of it is left" nothing_is_installed
        check "a program that was linked with libnuma runs on libnuma" runs_on libnuma program
        ;;
    esac
}

# Sessions have the output of a machine with four nodes: on another, the command starts, and runs on numars.
session() { # command
    eval "$1" >"$HOME/session" 2>&1
    status=$?
    cat "$HOME/session"
    case $1 in
    NUMARS_LOG=1*) grep -E '^numars [0-9]+: numa_available\(\) = ' "$HOME/session" ;;
    *) [ "$status" -lt 126 ] && ! grep 'cannot open shared object' "$HOME/session" ;;
    esac
}

# The same shell for all commands, since one sets a variable. `eval` is in it, not in a shell of its own.
run_commands() {
    commands >"$HOME/commands"
    [ "$(wc -l <"$HOME/commands")" -ge 10 ] || { echo "FAIL   readme  README.md has commands" && failed=$((failed + 1)); }
    while read -r kind command <&3; do
        case $kind:$command in
        'sh:make test'*) echo "left out: $command, which runs this test" ;;
        console:*) check "\$ $command" session "$command" ;;
        *) if check "$command" eval "$command"; then then_check "$command"; fi ;;
        esac
    done 3<"$HOME/commands"
}

if [ "${1:-}" = --in-the-tree ]; then
    said=$HOME/said
    # What the reader has: a program that was linked with libnuma.
    write_program "$HOME/program.c" && cp "$HOME/program.c" program.c && find /usr/local ! -type d -print | sort >"$HOME/before" || exit
    check "root has no Rust, the user has" root_has_no_rust
    run_commands
    finish
fi

# --- on this machine ---

scripts/setup.sh test && scripts/setup.sh deb-test || exit
# shellcheck source=scripts/debian-tree.sh
. scripts/debian-tree.sh
find_debian || { echo "skipped: the commands of README.md in a clean Debian: $why" && finish; }

built=$PWD/target/readme cache=$PWD/target/deb/cache/$release
mkdir -p "$built" "$cache"
work=$(mktemp -d "$built/test.XXXXXX")
tree=$work/tree said=$work/said
# Nothing is mounted below it but in namespaces of their own, which are gone by then.
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM

bootstrap() { # folder packages options…
    folder=$1 packages=$2
    shift 2
    unshare --mount debootstrap --variant=minbase --include="$packages" --cache-dir="$cache" ${keyring:+--keyring="$keyring"} "$@" \
        "$release" "$folder" "$mirror"
}

# What the commands install is not in the tree, but in an archive of it.
make_tree() {
    installs=$(commands | sed -n 's/^sh sudo apt-get install //p' | sed 's/ *#.*//' | tr '\n ' ',,' | sed 's/,*$//')
    echo "The commands install $installs."
    bootstrap "$work/archive" "sudo,numactl,libnuma-dev,$installs" --download-only &&
        mkdir -p "$work/packages" && cp "$work/archive"/var/cache/apt/archives/*.deb "$work/packages" &&
        (cd "$work/packages" && dpkg-scanpackages --multiversion . >Packages) 2>/dev/null &&
        bootstrap "$tree" sudo,numactl &&
        mv "$work/packages" "$tree/debian" &&
        echo 'deb [trusted=yes] file:/debian ./' >"$tree/etc/apt/sources.list" &&
        printf '%s\n' 'APT::Get::Assume-Yes "true";' 'APT::Install-Recommends "false";' >"$tree/etc/apt/apt.conf.d/readme" &&
        echo 'reader ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/reader" && chmod 440 "$tree/etc/sudoers.d/reader" &&
        echo "127.0.0.1 localhost $(uname -n)" >"$tree/etc/hosts" &&
        in_tree useradd --create-home --shell /bin/sh reader && in_tree apt-get update
}

# The sources as a release has them, the crates that they need, and what the guest has been fetched already.
give_the_user() {
    home=$tree/home/reader
    mkdir -p "$tree/opt/rust" "$home/numars" "$home/.cargo/registry" &&
        for workspace in . tests crates/numars-cli; do "${CARGO:-cargo}" fetch --quiet --locked --manifest-path $workspace/Cargo.toml || return; done &&
        tar -c --exclude=./target --exclude=./.git . | tar -x -C "$home/numars" &&
        for part in index cache; do cp -R "${CARGO_HOME:-$HOME/.cargo}/registry/$part" "$home/.cargo/registry" || return; done
    if [ -e "$guest/kernel-6.12" ]; then cp -R "$guest" "$home/guest" || return; fi
    # The program that the reader has was built elsewhere.
    mkdir -p "$home/bin" && write_program "$work/program.c" && cc -o "$home/bin/program" "$work/program.c" -lnuma &&
        in_tree chown -R reader: /home/reader
}

# Runs a command in the tree, with this machine's /proc and /sys, and its Rust, which is in the PATH of the user alone. They are mounted in a
# namespace that ends with the command: there is nothing to unmount, however this script ends.
in_tree() { # command…
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount sh -c '
        tree=$0 rust=$1
        shift
        mount --rbind /proc "$tree/proc" && mount --rbind /sys "$tree/sys" && cd "$tree" &&
            { [ ! -d opt/rust ] || { mount --bind "$rust" opt/rust && mount -o remount,bind,ro opt/rust; }; } &&
            exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' \
        "$tree" "$(rustc --print sysroot)" "$@"
}

guest=${NUMARS_VM_CACHE:-$PWD/target/vm}
check "a clean Debian $release" make_tree || finish
check "the sources, and a user who has Rust" give_the_user || finish
set --
[ ! -d "$tree/home/reader/guest" ] || set -- NUMARS_VM_CACHE=/home/reader/guest
in_tree setpriv --reuid=reader --regid=reader --init-groups env HOME=/home/reader USER=reader CARGO_NET_OFFLINE=true "$@" \
    PATH=/home/reader/bin:/opt/rust/bin:/usr/local/bin:/usr/bin:/bin \
    sh -c 'cd ~/numars && exec scripts/readme-test.sh --in-the-tree' >"$work/lines" 2>&1
# But for the last line, which counts.
sed '$d' "$work/lines"
read -r more_passed word_passed more_failed word_failed <<LINE
$(tail -n 1 "$work/lines")
LINE
[ "$word_passed:$word_failed" = passed,:failed ] || { more_passed=0 more_failed=1 && echo "FAIL   readme  it ended too early"; }
passed=$((passed + more_passed)) failed=$((failed + more_failed))
finish
