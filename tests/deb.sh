#!/bin/sh
# Tests the Debian packages that `make deb` built: what is in them, that programs are built with them, and that they are installed
# into a clean Debian and removed again. One line for each check, and `N passed, N failed` at the end.
#
# The clean Debian is a tree below target, of the release that this machine has, from the mirror that its apt uses. It needs root:
# without, these checks are left out.
#
# Most functions are called by way of `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
built=$PWD/target/deb
version=$(dpkg-parsechangelog -SVersion)
architecture=$(dpkg --print-architecture)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
mkdir -p "$built"
work=$(mktemp -d "$built/test.XXXXXX")
tree=$work/tree sysroot=$work/sysroot
# Nothing is mounted below it but in namespaces of their own, which are gone by then.
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0

# check WHAT COMMAND…: one check, judged by the command's exit status; what it says is shown if it fails.
check() {
    what=$1
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok     deb  $what"
    else
        failed=$((failed + 1))
        echo "FAIL   deb  $what"
        echo "$said" | tail -n 60
        return 1
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

skip_the_rest() { # reason
    echo "skipped: installing into a clean Debian: $1"
    finish
}

# --- what is in the packages ---

packages="libnumars1 libnumars-dev numars numars-dropin"

file_of() { # package
    echo "$built/$1_${version}_$architecture.deb"
}

are_built() {
    # shellcheck disable=SC2086 # one word for each
    printf '%s\n' $packages | sort >"$work/expected"
    for file in "$built"/*.deb; do dpkg-deb --field "$file" Package; done | sort >"$work/found"
    diff -u "$work/expected" "$work/found"
}

# Files and links, by their whole paths; of a link, where it leads.
files_in() { # package
    dpkg-deb --contents "$(file_of "$1")" | awk -v triplet="$triplet" '
        /^[^d]/ {
            sub(/^.* \.\//, "/")
            gsub(triplet, "TRIPLET")
            print
        }' | sort
}

# tests/deb.txt has a section for each package.
has_the_files_of_the_list() { # package
    awk -v section="## $1" '/^##/ { within = $0 == section; next } within && /./' tests/deb.txt | sort >"$work/expected"
    files_in "$1" >"$work/found"
    diff -u "$work/expected" "$work/found"
}

depends_on_libc_alone() { # package
    dpkg-deb --field "$(file_of "$1")" Depends | tee "$work/depends"
    grep -Eqx 'libc6 \(>= [0-9.]+\)' "$work/depends"
}

# A program that uses it is to depend on what every provider of libnuma1 has, unless it uses what is numars' alone.
says_what_its_users_depend_on() {
    symbols=$work/control/symbols
    dpkg-deb --control "$(file_of numars-dropin)" "$work/control" && cat "$symbols" &&
        grep -qx 'libnuma.so.1 libnuma1 #MINVER#' "$symbols" && grep -qx '| numars-dropin #MINVER#' "$symbols" &&
        grep -qx ' numa_bind@libnuma_1.2 2.0.19' "$symbols" && grep -qx ' numars_move_pages@NUMARS_1.0 0.1.0 1' "$symbols"
}

lintian_is_content() {
    lintian --fail-on error,warning --info "$built/numars_${version}_$architecture.changes"
}

# --- programs that are built with them ---

unpack() {
    for package in libnumars1 libnumars-dev; do dpkg-deb --extract "$(file_of "$package")" "$sysroot" || return; done
    cat >"$work/program.c" <<'END'
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#ifdef NUMARS
#include <numars.h>
#endif

int main(void)
{
    struct bitmask *mask = numa_bitmask_alloc(70);
    void *page = mask;
    int status = -1;

    numa_bitmask_setbit(mask, 69);
#ifdef NUMARS
    if (!*numars_version())
        return 2;
#endif
    return numa_bitmask_weight(mask) != 1 || move_pages(0, 1, &page, NULL, &status, 0) != 0;
}
END
}

# The flags that pkg-config gives where the packages are unpacked, in a folder of pkg-config files.
flags() { # folder arguments…
    folder=$sysroot/usr/lib/$triplet/$1
    shift
    PKG_CONFIG_SYSROOT_DIR=$sysroot PKG_CONFIG_LIBDIR=$folder PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@"
}

compile() { # program arguments…
    program=$work/$1
    shift
    gcc -Wall -Wextra -Werror -o "$program" "$work/program.c" "$@"
}

builds_with_pkg_config() {
    # shellcheck disable=SC2046 # words
    compile shared -DNUMARS $(flags pkgconfig --cflags --libs numars) &&
        LD_LIBRARY_PATH=$sysroot/usr/lib/$triplet "$work/shared"
}

builds_when_it_asks_for_numa() {
    # shellcheck disable=SC2046 # words
    compile unchanged $(flags numars/pkgconfig --cflags --libs numa) &&
        readelf --dynamic "$work/unchanged" | grep -F '[libnuma.so.1]' &&
        LD_LIBRARY_PATH=$sysroot/usr/lib/$triplet/numars "$work/unchanged"
}

builds_statically() {
    # shellcheck disable=SC2046 # words
    compile static -DNUMARS -static $(flags pkgconfig --static --cflags --libs numars) && "$work/static"
}

# --- a clean Debian ---

# The Debian archive that this machine's apt uses, and the keyring that its source list names, if any: as tests/vm/src/apt.rs has it.
find_mirror() {
    # shellcheck disable=SC2016 # apt replaces these
    set -- "$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SOURCESENTRY)' |
        awk -v release="$VERSION_CODENAME" '
            $3 == "main" && ($2 == release || $2 ~ /^(oldstable|stable|testing|unstable|sid)$/) { print; exit }')"
    mirror=${1%% *} list=${1##* }
    keyring=$(sed -n '/^#/d; s/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "${list%:*}" | head -n 1)
}

make_tree() {
    cache=$built/cache/$VERSION_CODENAME
    mkdir -p "$cache" &&
        unshare --mount debootstrap --variant=minbase --include=libnuma1,numactl --cache-dir="$cache" \
            ${keyring:+--keyring="$keyring"} "$VERSION_CODENAME" "$tree" "$mirror" &&
        # What it may fetch later, so that it needs no network: Debian's packages, in an archive that has nothing else.
        mkdir "$tree/debian" "$tree/numars" &&
        cp "$cache"/libnuma1_*.deb "$cache"/numactl_*.deb "$tree/debian" &&
        (cd "$tree/debian" && dpkg-scanpackages --multiversion . >Packages) &&
        echo 'deb [trusted=yes] file:/debian ./' >"$tree/etc/apt/sources.list" &&
        for package in $packages; do cp "$(file_of "$package")" "$tree/numars/$package.deb" || return; done &&
        cp "$work/shared" "$work/unchanged" "$tree/numars" &&
        in_tree apt-get --quiet update
}

# Runs a command in the tree, with this machine's /proc and /sys. They are mounted in a namespace that ends with the command: there
# is nothing to unmount, however this script ends.
in_tree() { # command…
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount sh -c '
        mount --rbind /proc "$0/proc" && mount --rbind /sys "$0/sys" && cd "$0" &&
            exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"' "$tree" "$@"
}

apt() { # command arguments…
    in_tree apt-get --quiet --yes --no-install-recommends "$@"
}

installed() { # package
    # shellcheck disable=SC2016 # dpkg-query replaces it
    [ "$(in_tree dpkg-query --show --showformat='${db:Status-Status}' "$1")" = installed ]
}

# All there is, but for what package management itself keeps and writes.
files() {
    (cd "$tree" && find . -path ./var/cache -prune -o -path ./var/log -prune -o -path ./var/lib/apt -prune -o \
        -path './var/lib/dpkg/*-old' -o -print) | sort
}

# What numactl says of the machine, without how much of it is free at the moment.
numactl_says() {
    in_tree numactl --show && in_tree numactl --hardware | grep -v ' free: '
}

# As it was with libnuma.
numactl_works() {
    numactl_says >"$work/says" && diff -u "$work/said" "$work/says" &&
        in_tree numactl --interleave=0 --physcpubind="$(sed -n 's/^physcpubind: \([0-9]*\).*/\1/p' "$work/said")" true
}

works_with_libnuma() {
    files >"$work/files"
    numactl_says >"$work/said" && cat "$work/said" && grep -q '^available: ' "$work/said" && ! runs_on_numars
}

# numars tells what it is asked for; libnuma does not know the variable.
runs_on_numars() {
    in_tree env NUMARS_LOG=1 numactl --show 2>&1 >/dev/null | grep -E '^numars [0-9]+: numa_available\(\) = 0$'
}

dropin_takes_the_place() {
    apt install ./numars/numars-dropin.deb && installed numars-dropin && installed numactl && ! installed libnuma1
}

runs_on_numars_alone() {
    runs_on_numars && in_tree ldconfig && runs_on_numars &&
        in_tree ldd /usr/bin/numactl | tee "$work/ldd" && grep -Eq "/lib/$triplet/libnuma\.so\.1 " "$work/ldd" &&
        grep -q numars_version "$tree/usr/lib/$triplet/libnuma.so.1" && in_tree /numars/unchanged
}

all_is_consistent() {
    in_tree apt-get check && in_tree dpkg --audit >"$work/audit" && cat "$work/audit" && [ ! -s "$work/audit" ]
}

numactl_installs_with_it() {
    apt remove numactl && apt install numactl && installed numactl && installed numars-dropin && ! installed libnuma1
}

libnuma_takes_its_place_back() {
    apt install libnuma1 && installed libnuma1 && installed numactl && ! installed numars-dropin && ! runs_on_numars
}

others_stand_beside_libnuma() {
    apt install ./numars/numars.deb ./numars/libnumars1.deb ./numars/libnumars-dev.deb &&
        installed numars && installed libnumars1 && installed libnumars-dev && installed libnuma1
}

numars_run_runs_numactl() {
    in_tree numars-run --check numactl >"$work/check" && cat "$work/check" && ! grep MISSING "$work/check" &&
        grep -q '^  numa_available .* there$' "$work/check" &&
        in_tree env NUMARS_LOG=1 numars-run numactl --show >"$work/says" 2>"$work/log" && cat "$work/says" "$work/log" &&
        grep -Eq '^numars [0-9]+: numa_available\(\) = 0$' "$work/log" && ! runs_on_numars
}

purging_leaves_nothing() {
    apt purge numars libnumars1 libnumars-dev && files >"$work/files-now" && diff -u "$work/files" "$work/files-now" &&
        ! in_tree dpkg-query --show '*numars*'
}

# --- all of it ---

check "the packages are built" are_built || finish
for package in $packages; do check "$package has the files of the list" has_the_files_of_the_list "$package"; done
for package in libnumars1 numars-dropin; do check "$package depends on libc alone" depends_on_libc_alone "$package"; done
check "numars-dropin says what its users depend on" says_what_its_users_depend_on
check "lintian has no error and no warning" lintian_is_content

check "libnumars1 and libnumars-dev unpack" unpack
check "a program builds with pkg-config" builds_with_pkg_config
check "a program builds that asks for numa" builds_when_it_asks_for_numa
check "a program builds statically" builds_statically

[ "$(id -u)" = 0 ] || skip_the_rest "needs root"
unshare --mount true 2>/dev/null || skip_the_rest "needs to mount, which is forbidden here"
{ mknod "$work/null" c 1 3 && : >"$work/null"; } 2>/dev/null || skip_the_rest "needs device files, which are forbidden here"
ID='' VERSION_CODENAME=''
# shellcheck source=/dev/null
. /etc/os-release
case $ID:$VERSION_CODENAME in
debian:?*) find_mirror ;;
*) skip_the_rest "this is no release of Debian" ;;
esac
case $mirror in
http:* | https:* | file:*) ;;
*) skip_the_rest "apt has no Debian archive that debootstrap can use" ;;
esac

check "a clean Debian $VERSION_CODENAME with numactl" make_tree || finish
check "numactl works with libnuma1" works_with_libnuma
check "numars-dropin takes libnuma1's place, numactl stays" dropin_takes_the_place
check "numactl runs on numars, and no libnuma but numars is there" runs_on_numars_alone
check "numactl works as with libnuma1" numactl_works
check "packages are consistent with numars-dropin" all_is_consistent
check "numactl installs anew without libnuma1" numactl_installs_with_it
check "libnuma1 takes its place back, numactl stays" libnuma_takes_its_place_back
check "numactl works as before" numactl_works
check "the other packages stand beside libnuma1" others_stand_beside_libnuma
check "numars-run runs numactl on numars" numars_run_runs_numactl
check "a program built outside runs on libnumars1" in_tree /numars/shared
check "packages are consistent with libnumars1" all_is_consistent
check "purging them leaves nothing" purging_leaves_nothing
finish
