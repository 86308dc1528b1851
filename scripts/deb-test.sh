#!/bin/sh
# Tests the Debian packages that `make deb` built: their files, that programs build with them, and that they can be installed into a
# clean Debian and removed again. One line for each check, and `N passed, N failed` at the end. It has no variables.
# Example: make deb-test
#
# The clean Debian is a tree below target, of this machine's release, from the archive that its apt uses. It needs root: without, these
# checks are skipped, and the output says so.
#
# Functions are called through `check`, and debian-tree.sh sets variables, which shellcheck does not see:
# shellcheck disable=SC2317,SC2154
set -u
cd "$(dirname "$0")/.." || exit
scripts/setup.sh deb-test || exit
# shellcheck source=scripts/debian-tree.sh
. scripts/debian-tree.sh

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
built=$PWD/target/deb
version=$(dpkg-parsechangelog -SVersion)
architecture=$(dpkg --print-architecture)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
mkdir -p "$built"
work=$(mktemp -d "$built/test.XXXXXX")
tree=$work/tree sysroot=$work/sysroot
dropin=/usr/lib/$triplet/numars/dropin
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

packages="libnumars1 libnumars-dev numars numars-dropin numars-dropin-dev"

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

# As `git archive` or a tarball has them, and in another folder: the packages are the same, byte by byte.
builds_from_exported_sources() {
    exported=$work/exported
    mkdir -p "$exported" "$work/bin" &&
        find . -path ./target -prune -o -path ./.git -prune -o ! -type d -print0 >"$work/sources" &&
        xargs -0 cp --parents --no-dereference --preserve=mode,timestamps --target-directory="$exported" <"$work/sources" &&
        printf '#!/bin/sh\necho git "$@" >>"%s/git-was-called"\nexit 1\n' "$work" >"$work/bin/git" && chmod +x "$work/bin/git" &&
        (cd "$exported" && PATH=$work/bin:$PATH make --no-print-directory deb) || return
    for package in $packages; do
        cmp "$(file_of "$package")" "$exported/target/deb/$(basename "$(file_of "$package")")" || return
    done
    [ ! -e "$work/git-was-called" ] || { cat "$work/git-was-called" && return 1; }
}

lintian_is_content() {
    lintian --pedantic --display-info --fail-on error,warning,info,pedantic --info "$built/numars_${version}_$architecture.changes"
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

# An architecture whose programs run here too: 32 bits, for which numars is not built.
other_architecture() {
    case $architecture in
    amd64) echo i386 ;;
    arm64) echo armhf ;;
    esac
}

# apt with this machine's configuration, for the packages of the tree, the releases of the mirror and the other architecture.
apt_for_tree() { # command arguments…
    apt-get --quiet --yes --no-install-recommends --config-file="$work/apt.conf" \
        --option Dir::State="$work/apt" --option Dir::State::status="$tree/var/lib/dpkg/status" --option Dir::Cache="$work/apt" \
        --option Dir::Cache::archives="$cache/more" --option Dir::Etc::sourcelist="$work/sources.list" \
        --option Dir::Etc::sourceparts=/dev/null "$@"
}

# What is to be installed later, so that the tree needs no network: a compiler and what packages are built with, and a package of the
# other architecture that needs libnuma1.
fetch_more() {
    mkdir -p "$cache/more/partial" "$work/apt/lists/partial" &&
        echo "deb ${keyring:+[signed-by=$keyring]} $mirror $release main" >"$work/sources.list" &&
        printf 'APT::Architectures { "%s"; };\n' "$architecture" ${other:+"$other"} >"$work/apt.conf" &&
        apt_for_tree update || return
    if [ -n "$other" ]; then
        APT_CONFIG=$work/apt.conf apt-cache --option Dir::State="$work/apt" --option Dir::Cache="$work/apt" \
            --option Dir::State::status="$tree/var/lib/dpkg/status" pkgnames libx265- | grep -x 'libx265-[0-9]*' >"$work/foreign"
    fi
    apt_for_tree install --download-only gcc libc6-dev dpkg-dev libnuma-dev ${other:+"$(cat "$work/foreign"):$other"}
}

make_tree() {
    mkdir -p "$cache" &&
        unshare --mount debootstrap --variant=minbase --include=libnuma1,numactl --cache-dir="$cache" \
            ${keyring:+--keyring="$keyring"} "$release" "$tree" "$mirror" &&
        fetch_more &&
        mkdir "$tree/debian" "$tree/numars" &&
        cp "$cache"/libnuma1_*.deb "$cache"/numactl_*.deb "$cache"/more/*.deb "$tree/debian" &&
        echo 'deb [trusted=yes] file:/debian ./' >"$tree/etc/apt/sources.list" &&
        for package in $packages; do cp "$(file_of "$package")" "$tree/numars/$package.deb" || return; done &&
        cp "$work/shared" "$work/unchanged" "$tree/numars" &&
        renew_archive
}

# An archive that has nothing but Debian's packages that the tree has, or is to have.
renew_archive() {
    (cd "$tree/debian" && dpkg-scanpackages --multiversion . >Packages) && in_tree apt-get --quiet update
}

apt() { # command arguments…
    in_tree apt-get --quiet --yes --no-install-recommends "$@"
}

installed() { # package
    # shellcheck disable=SC2016 # dpkg-query replaces it
    [ "$(in_tree dpkg-query --show --showformat='${db:Status-Status}' "$1")" = installed ]
}

# Those that are installed, with their versions.
installed_packages() {
    # shellcheck disable=SC2016 # dpkg-query replaces it
    in_tree dpkg-query --show --showformat='${binary:Package} ${Version} ${db:Status-Status}\n' | grep ' installed$' | sort
}

# Runs apt and compares which packages are installed with those before: exactly the named ones come and go.
apt_changes() { # '+package -package…' command arguments…
    changes=$1
    shift
    installed_packages >"$work/packages" && apt "$@" && installed_packages >"$work/packages-now" || return
    for change in $changes; do echo "$change"; done | sort >"$work/expected"
    diff "$work/packages" "$work/packages-now" | sed -n 's/^> \([^ ]*\).*/+\1/p; s/^< \([^ ]*\).*/-\1/p' | sort >"$work/found"
    diff -u "$work/expected" "$work/found"
}

# All there is, with its mode and size, but for what this test, package management and ldconfig keep and write.
files() {
    (cd "$tree" && find . \( -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./debian -o -path ./numars \
        -o -path './var/lib/dpkg/*-old' -o -path ./etc/ld.so.cache \) -prune -o -path './var/lib/dpkg/*' -printf '%p\n' \
        -o -type d -printf '%p %m\n' -o -printf '%p %m %s %l\n') | sort
}

# What numactl says of the machine, without the memory, which changes on a virtual one.
numactl_says() {
    in_tree numactl --show && in_tree numactl --hardware | grep -Ev ' (free|size): '
}

# As it was with libnuma.
numactl_works() {
    numactl_says >"$work/says" && diff -u "$work/said" "$work/says" &&
        in_tree numactl --interleave=0 --physcpubind="$(sed -n 's/^physcpubind: \([0-9]*\).*/\1/p' "$work/said")" true
}

works_with_libnuma() {
    # shellcheck disable=SC2016 # dpkg-query replaces it
    in_tree dpkg-query --show --showformat='${Version}' libnuma1 >"$work/libnuma"
    files >"$work/files"
    numactl_says >"$work/said" && cat "$work/said" && grep -q '^available: ' "$work/said" && ! runs_on_numars
}

# numars logs what it is asked for; libnuma does not know the variable.
runs_on_numars() {
    in_tree env NUMARS_LOG=1 numactl --show 2>&1 >/dev/null | grep -E '^numars [0-9]+: numa_available\(\) = 0$'
}

# Starts numactl again and again until the file `stop` is there, and says how often it failed.
start_all_the_while() {
    rm -f "$tree/stop"
    # shellcheck disable=SC2016 # the inner shell's
    in_tree sh -c '
        starts=0 failed=0
        while [ ! -e /stop ]; do
            numactl --show >/dev/null 2>>/failures || failed=$((failed + 1))
            starts=$((starts + 1))
            : >/started
        done
        echo "$starts starts, $failed failed"' >"$work/starts" 2>&1 &
    starter=$!
    while [ ! -e "$tree/started" ] && kill -0 "$starter"; do sleep 0.01; done
}

all_starts_succeeded() {
    : >"$tree/stop"
    wait "$starter"
    cat "$work/starts" "$tree/failures"
    rm -f "$tree/stop" "$tree/started" "$tree/failures"
    grep -q '^[1-9][0-9]* starts, 0 failed$' "$work/starts"
}

dropin_stands_beside_libnuma() {
    start_all_the_while
    apt_changes "+numars-dropin:$architecture" install ./numars/numars-dropin.deb
    status=$?
    all_starts_succeeded && [ "$status" = 0 ]
}

# Also when ldconfig has made its links and its list once more.
runs_on_numars_alone() {
    runs_on_numars && in_tree ldconfig && in_tree ldconfig -X && runs_on_numars &&
        in_tree ldd /usr/bin/numactl | tee "$work/ldd" && grep -q "=> $dropin/libnuma\.so\.1 " "$work/ldd" &&
        [ "$(grep -c libnuma "$work/ldd")" = 1 ] && in_tree /numars/unchanged
}

libnumas_files_are_unchanged() {
    in_tree dpkg --verify libnuma1 numactl >"$work/verify" && cat "$work/verify" && [ ! -s "$work/verify" ] &&
        ! grep -q numars_version "$tree/usr/lib/$triplet/libnuma.so.1" && in_tree dpkg-divert --list "*numa*" >"$work/diverted" &&
        [ ! -s "$work/diverted" ]
}

it_is_upgraded() {
    make_version "$version+newer" "$(file_of numars-dropin)" "$tree/numars/newer.deb" || return
    start_all_the_while
    apt_changes "-numars-dropin:$architecture +numars-dropin:$architecture" install ./numars/newer.deb &&
        apt_changes "-numars-dropin:$architecture +numars-dropin:$architecture" install --allow-downgrades ./numars/numars-dropin.deb
    status=$?
    all_starts_succeeded && [ "$status" = 0 ] && runs_on_numars
}

# As docs/packaging.md says: they find libnuma as they did before.
programs_with_a_path_keep_libnuma() {
    in_tree env LD_LIBRARY_PATH="/usr/lib/$triplet" numactl --show >/dev/null &&
        in_tree env LD_LIBRARY_PATH="/usr/lib/$triplet" ldd /usr/bin/numactl | tee "$work/ldd" &&
        grep -q "=> /usr/lib/$triplet/libnuma\.so\.1 " "$work/ldd"
}

# Without a list of libraries, the loader finds libnuma: the program works all the same.
works_without_a_list_of_libraries() {
    mv "$tree/etc/ld.so.cache" "$work"
    numactl_works && ! runs_on_numars
    status=$?
    mv "$work/ld.so.cache" "$tree/etc"
    [ "$status" = 0 ] && runs_on_numars
}

all_is_consistent() {
    in_tree apt-get check && in_tree dpkg --audit >"$work/audit" && cat "$work/audit" && [ ! -s "$work/audit" ]
}

# Makes a package that is the same as another but for its version.
make_version() { # version file folder
    rm -rf "$work/package"
    dpkg-deb --raw-extract "$2" "$work/package" && sed -i "s/^Version: .*/Version: $1/" "$work/package/DEBIAN/control" &&
        dpkg-deb --root-owner-group --build "$work/package" "$3"
}

# Adds a libnuma1 to the archive.
make_libnuma() { # version
    make_version "$1" "$cache/libnuma1_$(cat "$work/libnuma")_$architecture.deb" "$tree/debian" && renew_archive
}

libnuma_upgrades_beside_it() {
    make_libnuma "$(cat "$work/libnuma")+newer" &&
        apt_changes "-libnuma1:$architecture +libnuma1:$architecture" upgrade && runs_on_numars && libnumas_files_are_unchanged
}

# It may have symbols that numars does not know, and programs that need them.
a_newer_libnuma_waits_or_replaces_it() {
    next=$(dpkg-deb --field "$(file_of numars-dropin)" Breaks | sed 's/^libnuma1 (>= \(.*\)~)$/\1/')
    make_libnuma "$next-1" && apt_changes "" upgrade && runs_on_numars &&
        apt_changes "-numars-dropin:$architecture -libnuma1:$architecture +libnuma1:$architecture" install libnuma1 &&
        numactl_works && ! runs_on_numars || return
    rm "$tree/debian/libnuma1_$next-1_"* "$tree/debian/libnuma1_"*+newer_* && renew_archive &&
        apt install --allow-downgrades "libnuma1=$(cat "$work/libnuma")" && apt install ./numars/numars-dropin.deb && runs_on_numars
}

removing_it_leaves_libnuma() {
    start_all_the_while
    apt_changes "-numars-dropin:$architecture" remove numars-dropin
    status=$?
    all_starts_succeeded && [ "$status" = 0 ] && ! runs_on_numars && numactl_works && libnumas_files_are_unchanged &&
        in_tree ldconfig >"$work/ldconfig" 2>&1 && cat "$work/ldconfig" && [ ! -s "$work/ldconfig" ]
}

purging_it_leaves_nothing() {
    apt purge numars-dropin && files >"$work/files-now" && diff -u "$work/files" "$work/files-now"
}

libnuma_installs_where_it_stands() {
    apt purge libnuma1 numactl && apt_changes "+numars-dropin:$architecture" install ./numars/numars-dropin.deb &&
        apt_changes "+libnuma1:$architecture +numactl" install numactl && runs_on_numars && libnumas_files_are_unchanged
}

# 32-bit programs keep libnuma: numars is for 64 bits.
others_of_32_bits_use_libnuma() {
    library=$(in_tree dpkg --listfiles "$(cat "$work/foreign"):$other" | grep '/libx265\.so\.[0-9]*$')
    loader=$(in_tree dpkg --listfiles "libc6:$other" | grep -x '/lib/ld-linux[^/]*')
    in_tree "$loader" --list "$library" >"$work/list" || { echo "This kernel does not run them." && return; }
    cat "$work/list" && grep 'libnuma\.so\.1 => ' "$work/list" | grep -v numars
}

# Runs apt, after which all packages are still there that were.
apt_only_adds() { # command arguments…
    installed_packages >"$work/packages" && apt "$@" && installed_packages >"$work/packages-now" || return
    comm -23 "$work/packages" "$work/packages-now" >"$work/gone"
    cat "$work/gone"
    [ ! -s "$work/gone" ]
}

foreign_installs_where_it_stands() {
    in_tree dpkg --add-architecture "$other" && in_tree apt-get --quiet update &&
        apt_only_adds install "$(cat "$work/foreign"):$other" && installed "libnuma1:$other" &&
        runs_on_numars && others_of_32_bits_use_libnuma
}

it_installs_where_foreign_stands() {
    apt_changes "-numars-dropin:$architecture" purge numars-dropin && ! runs_on_numars && others_of_32_bits_use_libnuma &&
        apt_changes "+numars-dropin:$architecture" install ./numars/numars-dropin.deb && runs_on_numars && others_of_32_bits_use_libnuma
}

compilers_install_where_it_stands() {
    apt_only_adds install gcc libc6-dev dpkg-dev libnuma-dev && installed libnuma-dev && runs_on_numars
}

it_installs_where_compilers_stand() {
    apt_changes "-numars-dropin:$architecture" purge numars-dropin &&
        apt_changes "+numars-dropin:$architecture" install ./numars/numars-dropin.deb && runs_on_numars
}

# By libnuma-dev's own files.
what_is_compiled_runs_on_either() {
    cp "$work/program.c" "$tree/numars" && in_tree gcc -Wall -Werror -o /numars/compiled /numars/program.c -lnuma &&
        in_tree /numars/compiled && in_tree ldd /numars/compiled | grep "=> $dropin/libnuma\.so\.1 " &&
        apt purge numars-dropin && in_tree /numars/compiled && in_tree ldd /numars/compiled | grep "=> .*/lib/$triplet/libnuma\.so\.1 " &&
        apt install ./numars/numars-dropin.deb
}

# Its headers, numa.pc and manual; a build that requires libnuma-dev is content with it.
dropin_dev_replaces_libnuma_dev() {
    apt_changes "-libnuma-dev:$architecture +numars-dropin-dev:$architecture +libnumars-dev:$architecture +libnumars1:$architecture" \
        install ./numars/numars-dropin-dev.deb ./numars/libnumars-dev.deb ./numars/libnumars1.deb &&
        in_tree gcc -Wall -Werror -DNUMARS -o /numars/compiled-on-numars /numars/program.c -lnuma && in_tree /numars/compiled-on-numars &&
        in_tree ldd /numars/compiled-on-numars | grep "=> $dropin/libnuma\.so\.1 " &&
        in_tree gcc -Wall -Werror -static -o /numars/static /numars/program.c -lnuma && in_tree /numars/static &&
        mkdir -p "$tree/numars/package/debian" && printf 'Source: x\n\nPackage: x\nArchitecture: any\n' >"$tree/numars/package/debian/control" &&
        in_tree sh -c "cd /numars/package && dpkg-checkbuilddeps -d 'libnuma-dev (>= 2.0.11)'" &&
        gzip -cd "$tree/usr/share/man/man3/numa_alloc_local.3.gz" | grep -x '.Nm numa_alloc_local ,' && all_is_consistent
}

libnuma_dev_takes_its_place_back() {
    apt_changes "-numars-dropin-dev:$architecture +libnuma-dev:$architecture" install libnuma-dev &&
        in_tree dpkg --verify libnuma-dev >"$work/verify" && cat "$work/verify" && [ ! -s "$work/verify" ] &&
        in_tree gcc -Wall -Werror -o /numars/compiled /numars/program.c -lnuma && in_tree /numars/compiled &&
        apt_changes "-libnumars-dev:$architecture -libnumars1:$architecture" purge libnumars-dev libnumars1
}

# What a package that holds a program would depend on, besides libc.
depends() { # program
    mkdir -p "$tree/numars/package/debian" && printf 'Source: x\n\nPackage: x\nArchitecture: any\n' >"$tree/numars/package/debian/control" &&
        in_tree sh -c "cd /numars/package && dpkg-shlibdeps -O $1" | tee "$work/depends" &&
        sed -i 's/^shlibs:Depends=//; s/libc6 ([^)]*), //' "$work/depends"
}

what_is_packaged_depends_on_libnuma() {
    cat >"$tree/numars/newer.c" <<'END'
void numa_set_weighted_interleave_mask(void *);
int numars_version(void);
int main(int count, char **arguments)
{
    if (count > 1)
        numa_set_weighted_interleave_mask(arguments);
#ifdef NUMARS
    return !numars_version();
#endif
}
END
    library=$dropin/libnuma.so
    in_tree gcc -o /numars/newer /numars/newer.c "$library" && in_tree gcc -DNUMARS -o /numars/newest /numars/newer.c "$library" &&
        depends /numars/compiled && [ "$(cat "$work/depends")" = 'libnuma1 (>= 2.0.11)' ] &&
        depends /numars/newer && [ "$(cat "$work/depends")" = 'libnuma1 (>= 2.0.11), libnuma1 (>= 2.0.19) | numars-dropin' ] &&
        depends /numars/newest && grep -q ", numars-dropin (>= $version)$" "$work/depends"
}

others_stand_beside_libnuma() {
    apt_changes "+libnumars-dev:$architecture +libnumars1:$architecture +numars" \
        install ./numars/numars.deb ./numars/libnumars1.deb ./numars/libnumars-dev.deb
}

numars_run_runs_numactl() {
    in_tree env NUMARS_LOG=1 numars-run numactl --show >"$work/says" 2>"$work/log" && cat "$work/says" "$work/log" &&
        grep -Eq '^numars [0-9]+: numa_available\(\) = 0$' "$work/log" && ! runs_on_numars
}

# It needs readelf, which the package suggests.
check_reads_numactl() {
    apt install ./numars/numars.deb ./numars/libnumars1.deb && in_tree numars-run --check numactl >"$work/check" && cat "$work/check" && ! grep MISSING "$work/check" &&
        grep -q '^  numa_available .* there$' "$work/check" && [ "$(grep -c "^  libnuma.* /usr/lib/$triplet/numars/libnuma.so.1$" "$work/check")" = 3 ]
}

purging_leaves_nothing() {
    apt purge numars libnumars1 libnumars-dev && files >"$work/files-now" && diff -u "$work/files" "$work/files-now" &&
        ! in_tree dpkg-query --show '*numars*'
}

# --- all of it ---

check "the packages are built" are_built || finish
for package in $packages; do check "$package has the files of the list" has_the_files_of_the_list "$package"; done
for package in libnumars1 numars-dropin; do check "$package depends on libc alone" depends_on_libc_alone "$package"; done
check "lintian has nothing to say, at its pedantic level" lintian_is_content

check "the packages are the same built from exported sources, without git" builds_from_exported_sources

check "libnumars1 and libnumars-dev unpack" unpack
check "a program builds with pkg-config" builds_with_pkg_config
check "a program builds that asks for numa" builds_when_it_asks_for_numa
check "a program builds statically" builds_statically

find_debian || skip_the_rest "$why"
{ mknod "$work/null" c 1 3 && : >"$work/null"; } 2>/dev/null || skip_the_rest "this needs device files, which are forbidden here"

cache=$built/cache/$release
other=$(other_architecture)
check "a clean Debian $release with numactl" make_tree || finish
check "numactl works with libnuma1" works_with_libnuma
check "numars-dropin installs beside libnuma1, and programs start all the while" dropin_stands_beside_libnuma
check "numactl runs on numars, and on no other libnuma" runs_on_numars_alone
check "numactl works as with libnuma1" numactl_works
check "libnuma1's files are unchanged with numars-dropin" libnumas_files_are_unchanged
check "numactl works where there is no list of libraries" works_without_a_list_of_libraries
check "a program with a path of its own to libnuma keeps it" programs_with_a_path_keep_libnuma
check "packages are consistent with numars-dropin" all_is_consistent
check "numars-dropin is upgraded, and programs start all the while" it_is_upgraded
check "libnuma1 is upgraded beside numars-dropin" libnuma_upgrades_beside_it
check "a libnuma1 newer than numars waits, or replaces numars-dropin" a_newer_libnuma_waits_or_replaces_it
check "removing numars-dropin leaves libnuma1, and programs start all the while" removing_it_leaves_libnuma
check "purging numars-dropin leaves nothing" purging_it_leaves_nothing
check "libnuma1 and numactl install where numars-dropin is" libnuma_installs_where_it_stands
check "purging numars-dropin that came first leaves nothing" purging_it_leaves_nothing
check "the other packages stand beside libnuma1" others_stand_beside_libnuma
check "numars-run runs numactl on numars" numars_run_runs_numactl
check "a program built outside runs on libnumars1" in_tree /numars/shared
check "packages are consistent with libnumars1" all_is_consistent
check "purging them leaves nothing" purging_leaves_nothing
check "numars-dropin installs once more" apt install ./numars/numars-dropin.deb
if [ -n "$other" ]; then
    check "a package of $other that needs libnuma1 installs where numars-dropin is" foreign_installs_where_it_stands
    check "numars-dropin installs where a package of $other needs libnuma1" it_installs_where_foreign_stands
fi
check "a compiler and libnuma-dev install where numars-dropin is" compilers_install_where_it_stands
check "numars-dropin installs where libnuma-dev is" it_installs_where_compilers_stand
check "what is compiled with libnuma-dev runs on numars, and on libnuma without it" what_is_compiled_runs_on_either
check "what is packaged there depends on libnuma1" what_is_packaged_depends_on_libnuma
check "numars-dropin-dev takes libnuma-dev's place" dropin_dev_replaces_libnuma_dev
check "libnuma-dev takes its place back" libnuma_dev_takes_its_place_back
check "numars-run --check reads numactl" check_reads_numactl
check "packages are consistent with all of them" all_is_consistent
finish
