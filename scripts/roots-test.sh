#!/bin/sh
# Tests the built packages and libraries in clean root folders: of Debian 12 and 13, where the packages take libnuma's place and give it back, and
# one that has nothing but musl. `make roots-test` builds the packages first. One line for each check, and `N passed, N failed` at the end.
#   ROOTS   some of: bookworm trixie musl (all)
# Example: make roots-test ROOTS=musl
#
# The packages of the Debian releases come from the archive that apt uses here. It needs root: without, it is skipped, and the output says so.
#
# Functions are called through `check`, and debian-tree.sh sets variables, which shellcheck does not see:
# shellcheck disable=SC2317,SC2154
set -u
cd "$(dirname "$0")/.." || exit
scripts/setup.sh roots || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
# shellcheck source=scripts/debian-tree.sh
. scripts/debian-tree.sh

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
built=$PWD/target/deb here=$PWD/target/roots
mkdir -p "$here"
work=$(mktemp -d "$here/test.XXXXXX")
# Nothing is mounted below it but in namespaces of their own, which are gone by then.
trap 'rm -rf --one-file-system "$work"; rm -f "$log" "$log".*' EXIT
trap 'exit 1' HUP INT TERM

# A check without which those that follow make no sense.
must() { # what command…
    before=$failed
    check "$@"
    [ "$failed" = "$before" ]
}

ours="libnumars1 libnumars-dev numars numars-dropin numars-dropin-dev"

# --- Debian ---

apt() { # command arguments…
    in_tree apt-get --quiet --yes --no-install-recommends "$@"
}

make_root() {
    mkdir -p "$archives/partial" &&
        unshare --mount debootstrap --variant=minbase --cache-dir="$archives" ${keyring:+--keyring="$keyring"} "$release" "$tree" "$mirror" &&
        apt install libnuma1 libnuma-dev numactl gcc libc6-dev pkgconf rustc man-db binutils &&
        mkdir "$tree/numars" && cp -r debian/tests tests/programs/either_library.c tests/programs/sees_nodes.rs examples/parse_nodes.c \
            "$tree/numars" &&
        for package in $ours; do cp "$built/${package}_"*"_$(dpkg --print-architecture).deb" "$tree/numars/$package.deb" || return; done
}

# Builds two C programs and one in Rust, and prints what they print.
build_and_run() { # folder
    in_tree mkdir -p "/numars/$1" &&
        in_tree gcc -Wall -Werror -o "/numars/$1/either" /numars/either_library.c -lnuma &&
        in_tree gcc -Wall -Werror -o "/numars/$1/program" /numars/tests/program.c -lnuma &&
        in_tree rustc -O -o "/numars/$1/sees" /numars/sees_nodes.rs || return
    for program in either program sees; do in_tree "/numars/$1/$program" || return; done >"$work/$1.out"
    cat "$work/$1.out"
}

works_with_libnuma() {
    build_and_run libnuma && grep -x 'libnuma' "$work/libnuma.out" && grep -x 'node 0: 1' "$work/libnuma.out"
}

# All files but those of apt, logs and this test.
files() {
    (cd "$tree" && find . \( -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./numars -o -path ./var/lib/dpkg \
        -o -path ./etc/ld.so.cache -o -path ./proc -o -path ./sys \) -prune -o -type d -printf '%p %m\n' -o -printf '%p %m %s %l\n') | sort
}

installs_in_libnumas_place() {
    files >"$work/files"
    set --
    for package in $ours; do set -- "$@" "./numars/$package.deb"; done
    apt install "$@" && in_tree dpkg --audit && ! in_tree dpkg --status libnuma-dev | grep '^Status: .* installed$'
}

# What they print is the same, but for the name of the library and its files.
same_programs_build_and_run() {
    build_and_run numars || return
    for name in libnuma numars; do sed '/^loaded /d; s/^libnuma$\|^numars$/LIBRARY/' "$work/$name.out" >"$work/$name.same"; done
    grep -x 'numars' "$work/numars.out" && diff "$work/libnuma.same" "$work/numars.same"
}

earlier_programs_run_on_numars() {
    in_tree /numars/libnuma/either >"$work/earlier.out" && grep -x numars "$work/earlier.out"
}

builds_with_numars_h() {
    # shellcheck disable=SC2016 # the inner shell's
    in_tree sh -c 'cd /numars && gcc -Wall -Werror -o parse_nodes parse_nodes.c $(pkg-config --cflags --libs numars) && ./parse_nodes 0'
}

packages_test_themselves() {
    for program in build-with-numars run-on-dropin build-with-dropin-dev run-the-command; do
        in_tree env AUTOPKGTEST_TMP=/numars "/numars/tests/$program" || return
    done
}

# manual PAGE WORDS: whether man shows a page that contains these words.
manual() {
    in_tree env MANPAGER=cat MANWIDTH=100 man "$1" >"$work/page" || return
    cat "$work/page"
    grep -qF "$2" "$work/page"
}
pages_can_be_read() {
    manual numa_alloc_onnode numa_alloc_onnode && manual numa 'numa_available' && manual numars_move_pages numars_move_options &&
        manual numa_bitmask_isbitset numa_bitmask_isbitset && manual numars-move 'numars-move(1)'
}

libnuma_is_back() {
    # shellcheck disable=SC2086 # one word for each
    apt purge $ours && apt install libnuma-dev && files >"$work/files-now" && diff "$work/files" "$work/files-now" &&
        ! in_tree dpkg-query --show '*numars*' && build_and_run again && diff "$work/libnuma.out" "$work/again.out" &&
        in_tree /numars/numars/either | grep -x libnuma
}

test_debian() { # release
    release=$1 tree=$work/$1 archives=$here/archives/$1
    must "$release: a clean Debian with libnuma1, libnuma-dev and compilers" make_root || return
    must "$release: C programs and one in Rust use libnuma" works_with_libnuma || return
    must "$release: the packages install in libnuma's place" installs_in_libnumas_place || return
    check "$release: the programs that were built with libnuma run on numars" earlier_programs_run_on_numars
    check "$release: the same programs build and run with numars" same_programs_build_and_run
    check "$release: a C program builds with numars.h" builds_with_numars_h
    check "$release: the tests of the packages pass" packages_test_themselves
    check "$release: manual pages can be read" pages_can_be_read
    check "$release: when the packages are removed, libnuma is back" libnuma_is_back
    rm -rf --one-file-system "$tree"
}

# --- musl ---

# A root folder with Debian's musl, the libraries that are built for it, programs, and the static command: nothing of glibc.
make_musl_root() {
    mkdir -p "$tree/lib" "$tree/usr/lib" "$tree/proc" "$tree/sys" "$tree/usr/bin" || return
    loader=/lib/ld-musl-$(uname -m).so.1
    cp --dereference "$loader" "$tree$loader" || return
    (
        eval "$(target/release/vm toolchain --arch "musl-$(dpkg --print-architecture)" --rust-only)" &&
            make --no-print-directory CC=musl-gcc BUILD=target/roots/c STAGE="$here/stage" stage
    ) && make --no-print-directory static-cli &&
        cp "$here"/stage/lib/libnumars.so.1 "$here"/stage/lib/numars/libnuma.so.1 "$tree/usr/lib" && cp target/cli-static/numars "$tree/usr/bin" &&
        musl-gcc -Wall -Werror -o "$tree/usr/bin/linked" tests/programs/on_any_libc.c -I"$here/stage/include/numars" -L"$here/stage/lib" -lnumars &&
        musl-gcc -Wall -Werror -o "$tree/usr/bin/numa" tests/programs/on_any_libc.c -I"$here/stage/include/numars" -L"$here/stage/lib/numars" -lnuma
}

has_nothing_of_glibc() {
    [ -x "$tree/usr/bin/numars" ] && ! find "$tree" -name 'libc.so.6' -o -name 'ld-linux*' | grep . &&
        for file in "$tree"/usr/bin/* "$tree"/usr/lib/*; do ! readelf --version-info --wide "$file" | grep GLIBC || return; done
}

# It needs no library at all.
static_command_runs() {
    in_tree /usr/bin/numars --version | grep '^numars [0-9]' && in_tree /usr/bin/numars nodes && in_tree /usr/bin/numars run --localalloc -- /usr/bin/linked
}

# prints_its_library PROGRAM LIBRARY: of whatever version.
prints_its_library() {
    in_tree "/usr/bin/$1" >"$work/printed.out" || return
    cat "$work/printed.out"
    grep -q "^loaded .*/$2\.so" "$work/printed.out"
}
programs_run() {
    prints_its_library linked libnumars && prints_its_library numa libnuma
}

test_musl() {
    tree=$work/musl archives=
    must "musl: a root with the libraries and the static command" make_musl_root || return
    check "musl: nothing of glibc is there" has_nothing_of_glibc
    check "musl: the static command runs" static_command_runs
    check "musl: programs linked with the shared libraries run" programs_run
}

# --- all of it ---

find_debian || { echo "skipped: clean root folders: $why" && finish; }
{ mknod "$work/null" c 1 3 && : >"$work/null"; } 2>/dev/null || { echo "skipped: clean root folders: this needs device files, which are forbidden here" && finish; }
for root in ${ROOTS:-bookworm trixie musl}; do
    case $root in
    musl) test_musl ;;
    *) test_debian "$root" ;;
    esac
done
finish
