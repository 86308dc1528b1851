#!/bin/sh
# Tests the recipes of packaging/: builds packages by them from the archive of `make dist`, without network, compares the files with
# tests/installed.txt and with those of the Debian packages, and runs programs that are built with the packages. The last line is
# `N passed, N failed`. packaging/README.md says which tools are used, and what they cannot check.
#   ARCHIVE   an archive of a release (one that is made now)
#   ONLY      only these recipes, as "rpm nix" (all)
#   CHECK     yes: RPM, makepkg and nix run `make check` as well, which takes minutes more
# Example: make packaging-test
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
check "packages" scripts/setup.sh packaging-test
export LC_ALL=C
root=$PWD
work=$PWD/target/packaging-test
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
only=${ONLY:-rpm arch alpine spack nix conan vcpkg}
check=${CHECK:-no}
no_check=--nocheck
[ "$check" != yes ] || no_check=
[ ! -e "$work" ] || chmod -R u+w "$work"
rm -rf "$work"
mkdir -p "$work/expected"
unset MAKEFLAGS MAKELEVEL CLI ONLY CHECK

if [ -z "${ARCHIVE:-}" ]; then
    check "the archive of a release" env OUT="$work/dist" scripts/dist.sh
    ARCHIVE=$work/dist/numars-$version.tar.xz
fi
export ARCHIVE
check "recipes for the archive" env OUT="$work/recipes" scripts/recipes.sh
[ "$failed" = 0 ] || finish
recipes=$work/recipes
archives=$(cd "$(dirname "$ARCHIVE")" && pwd)

is_chosen() { # recipe
    case " $only " in *" $1 "*) ;; *) false ;; esac
}

# Whatever a recipe would fetch except the archive fails: it has no network.
if [ "$(id -u)" = 0 ]; then offline='unshare --net'; else offline='unshare --map-root-user --net'; fi
offline() {
    # shellcheck disable=SC2086 # words
    $offline "$@"
}

# --- lists of files ---

# expect NAME PREFIX LIBDIR SECTION…: the files of these sections of tests/installed.txt, the first of which has no name: "".
expect() {
    name=$1 prefix=$2 libdir=$3
    shift 3
    for section; do
        awk -v section="$section" 'NR > 1 { if (sub(/^# /, "")) current = $0; else if (current == section) print }' tests/installed.txt
    done | sed -e "s|^/opt/numars/lib/machine|$libdir|" -e "s|^/opt/numars|$prefix|" | sort >"$work/expected/$name"
}

# Files and links of a tree, with where links lead; without the end of compressed manual pages, and without licences and documents, except
# for the notices that `make install` installs.
files_of() { # tree…
    for tree; do find "$tree" ! -type d -printf '/%P -> %l\n'; done | sed -e 's/ -> $//' -e '/\/man\//s/\.gz//g' |
        awk '/\/share\/doc\/numars\/THIRD-PARTY/ || !/\/share\/doc\/|\/share\/licenses\/|^\/licenses\/|^\/\.[A-Z]*$/' | sort
}

# Compares the files of trees with what is expected.
has_files() { # name tree…
    name=$1
    shift
    files_of "$@" >"$work/expected/$name.is" && diff -u "$work/expected/$name" "$work/expected/$name.is"
}

expect_more() { # name, and lines from standard input
    sort -o "$work/expected/$1" "$work/expected/$1" -
}

has_licence() { # file…
    cat "$@" | grep -q 'THE SOFTWARE IS PROVIDED "AS IS"' && cat "$@" | grep -q 'Apache License'
}

# --- programs: those with which Conan tests its package ---

programs=$root/packaging/conan/test_package

prints_the_version() { # command…
    "$@" >"$work/printed" || return
    echo "numars $version" | diff - "$work/printed"
}

prints_the_nodes() { # command…
    "$@" >"$work/printed" || return
    grep -Eqx '[0-9]+ nodes|no NUMA policy on this machine' "$work/printed"
}

# --- RPM ---

rpm_tree=$work/rpm-tree

rpms_are_built() {
    mkdir -p "$work/rpm/SOURCES" && cp "$ARCHIVE" "$work/rpm/SOURCES" || return
    # Nothing here is installed by rpm, and so no requirement of the build is met.
    # The sources are unpacked where makepkg unpacks them, so that it need not compile crates again.
    offline rpmbuild -ba --noclean --nodeps ${no_check:+"$no_check"} --define "_topdir $work/rpm" --define "_builddir $work/build/numars/src" \
        "$recipes/rpm/numars.spec" >"$work/rpm.log" 2>&1 || { tail -n 40 "$work/rpm.log"; return 1; }
    for file in "$work"/rpm/RPMS/*/*.rpm; do
        name=$(rpm --query --package --queryformat '%{NAME}' "$file") || return
        mkdir -p "$rpm_tree/$name"
        (cd "$rpm_tree/$name" && rpm2cpio "$file" | cpio --quiet -idm) || return
    done
    ls "$work"/rpm/SRPMS/*.src.rpm
}

rpmlint_is_content() {
    rpmlint --strict --config tests/packaging/rpmlint.toml --rpmlintrc packaging/rpm/numars.rpmlintrc packaging/rpm/numars.spec \
        "$work"/rpm/RPMS/*/*.rpm
}

# Package by package; the lists are the same but for what the spec explains. debhelper makes links of pages that are another one.
rpms_have_the_files_of_debians() {
    libdir=$1
    for pair in "libnumars1:numars-libs" "libnumars-dev:numars-devel numars-static" "numars:numars" "numars-dropin:numars-dropin" \
        "numars-dropin-dev:numars-dropin-devel"; do
        trees=
        for name in ${pair#*:}; do trees="$trees $rpm_tree/$name"; done
        {
            awk -v section="## ${pair%%:*}" '/^##/ { within = $0 == section; next } within && /./' tests/deb.txt
            # The link for the linker is not for programs that run.
            [ "${pair%%:*}" != libnumars-dev ] || echo '/usr/lib/TRIPLET/numars/libnuma.so -> libnuma.so.1'
        } | grep -v -e '/share/doc/' -e '/share/lintian/' | sed -e '/\/man\//s/\.gz.*//' -e "s|/usr/lib/TRIPLET|$libdir|" \
            -e 's|zsh/vendor-completions|zsh/site-functions|' -e "s|00-numars-TRIPLET|00-numars-$(rpm --eval '%{_arch}')|" |
            case ${pair%%:*} in libnumars1 | numars-dropin) grep -v 'libnuma.so ->' ;; *) cat ;; esac | sort >"$work/expected/rpm"
        # shellcheck disable=SC2086 # one word for each
        has_files rpm $trees || return
    done
}

requires_and_provides() {
    dropin=$(rpm --query --package --provides "$work"/rpm/RPMS/*/numars-dropin-"$version"-*.rpm)
    libs=$(rpm --query --package --provides "$work"/rpm/RPMS/*/numars-libs-"$version"-*.rpm)
    devel=$(rpm --query --package --provides "$work"/rpm/RPMS/*/numars-dropin-devel-"$version"-*.rpm)
    printf '%s\n' "$dropin" "" "$libs" "" "$devel"
    # Packages that need libnuma accept numars-dropin, and not the library that numars-run preloads.
    echo "$dropin" | grep -q '^libnuma\.so\.1(libnuma_1\.2)' && echo "$libs" | grep -q '^libnumars\.so\.1(NUMARS_1\.0)' &&
        ! echo "$libs" | grep -q '^libnuma\.so' && echo "$devel" | grep -q '^pkgconfig(numa) = 2' && echo "$devel" | grep -q '^numactl-devel = 2'
}

# A root with the C library, libgcc_s and libm, which the command needs, and ldconfig of this machine, and another libnuma in the folder of libraries.
empty_root() { # root libdir
    mkdir -p "$1/etc/ld.so.conf.d" "$1/sbin" "$1$2" "$1/tmp" || return
    printf '%s\n' 'include /etc/ld.so.conf.d/*.conf' "$2" >"$1/etc/ld.so.conf"
    cp "$(command -v ldconfig || echo /sbin/ldconfig)" "$1/sbin/ldconfig"
    echo 'int main(void) { return 0; }' | cc -x c - -o "$work/needs_libraries" -Wl,--no-as-needed -lgcc_s -lm || return
    ldd "$work/needs_libraries" | sed -n 's|^[^/]*\(/[^ ]*\) (.*|\1|p' | while read -r file; do
        mkdir -p "$1$(dirname "$file")" && cp -L "$file" "$1$file" || return
    done
    echo 'int numa_available(void) { return -1; } int numa_num_task_nodes(void) { return 1; }' >"$work/theirs.c"
    printf 'libnuma_1.1 { global: numa_available; };\nlibnuma_1.2 { global: numa_num_task_nodes; local: *; };\n' >"$work/theirs.map"
    cc -shared -fPIC -o "$1$2/libnuma.so.1" "$work/theirs.c" -Wl,-soname,libnuma.so.1 -Wl,--version-script="$work/theirs.map"
}

# The programs, linked with what is in the root, and run in it.
programs_run_in() { # root libdir
    cc -o "$1/tmp/uses_numars" "$programs/uses_numars.c" "-I$1/usr/include/numars" "-L$1$2" -lnumars &&
        prints_the_version chroot "$1" /tmp/uses_numars || return
    cc -o "$1/tmp/uses_libnuma" "$programs/uses_libnuma.c" "-I$1/usr/include" "-L$1$2" -lnuma -Wl,-rpath-link,"$1$2" &&
        prints_the_nodes chroot "$1" /tmp/uses_libnuma
}
loads_libnuma_from() { # root file
    chroot "$1" /sbin/ldconfig -p | awk '$1 == "libnuma.so.1" { print $NF; exit }' >"$work/printed"
    echo "$2" | diff - "$work/printed"
}

rpms_install_and_run() {
    tree=$work/rpm-root libdir=$1
    empty_root "$tree" "$libdir" && chroot "$tree" /sbin/ldconfig && loads_libnuma_from "$tree" "$libdir/libnuma.so.1" || return
    rpm --root "$tree" --initdb && rpm --root "$tree" --install --nodeps --noverify "$work"/rpm/RPMS/*/*.rpm || return
    loads_libnuma_from "$tree" "$libdir/numars/dropin/libnuma.so.1" && programs_run_in "$tree" "$libdir" &&
        chroot "$tree" /usr/bin/numars-run --version || return
    # Without it, programs run on libnuma again.
    rpm --root "$tree" --erase --nodeps numars-dropin && loads_libnuma_from "$tree" "$libdir/libnuma.so.1" || return
    rpm --root "$tree" --erase --nodeps numars numars-libs numars-devel numars-static numars-dropin-devel || return
    files_of "$tree" | grep -v -e '/var/lib/rpm\|/usr/lib/sysimage' >"$work/printed"
    ! grep numars "$work/printed" | grep -v '^/tmp/'
}

test_rpm() {
    libdir=$(rpm --eval '%{_libdir}')
    check "rpm: rpmbuild builds the packages" rpms_are_built || return
    check "rpm: rpmlint" rpmlint_is_content
    expect rpm-all /usr "$libdir" "" "with the command" install-dropin-dev
    # The spec installs the notices as a licence.
    sed -i '/\/THIRD-PARTY\.txt$/d' "$work/expected/rpm-all"
    expect_more rpm-all <<END
/etc/ld.so.conf.d/00-numars-$(rpm --eval '%{_arch}').conf
$libdir/numars/dropin/libnuma.so.1 -> libnuma.so.1.0.0
$libdir/numars/dropin/libnuma.so.1.0.0
END
    check "rpm: all files are in a package" has_files rpm-all "$rpm_tree"/*
    check "rpm: each package has the files of Debian's" rpms_have_the_files_of_debians "$libdir"
    check "rpm: what the packages provide" requires_and_provides
    if [ "$(id -u)" = 0 ]; then
        check "rpm: packages are installed, programs run, packages are removed" rpms_install_and_run "$libdir"
    else
        skip "rpm: installing" "it needs root"
    fi
}

# --- Arch ---

# makepkg does not run as root: here it has another name for the same user.
as_somebody() {
    # shellcheck disable=SC2086 # words
    $offline unshare --user --map-user=1000 --map-group=1000 "$@"
}

arch_packages_are_built() {
    (cd "$recipes/arch" && as_somebody env BUILDDIR="$work/build" PKGDEST="$work/arch" SRCDEST="$work/build" \
        PACKAGER='The numars authors <maintainers@numars.example>' PKGEXT=.pkg.tar makepkg --nodeps --noconfirm --force ${no_check:+"$no_check"}) || return
    for file in "$work"/arch/*.pkg.tar; do
        name=$(basename "${file%-"$version"-*}")
        mkdir -p "$work/arch-tree/$name" && bsdtar -xf "$file" -C "$work/arch-tree/$name" || return
        has_licence "$work/arch-tree/$name/usr/share/licenses/$name"/* || return
    done
}

arch_packages_install_and_run() {
    tree=$work/arch-root
    empty_root "$tree" /usr/lib && mkdir -p "$tree/var/lib/pacman" "$tree/etc/pacman.d" || return
    printf '[options]\nArchitecture = auto\nSigLevel = Never\n' >"$work/pacman.conf"
    # pacman finds that two packages have the same file.
    pacman --root "$tree" --config "$work/pacman.conf" --dbpath "$tree/var/lib/pacman" --cachedir "$work/arch" --upgrade --nodeps --nodeps \
        --noconfirm "$work"/arch/*.pkg.tar || return
    chroot "$tree" /sbin/ldconfig && loads_libnuma_from "$tree" /usr/lib/numars/dropin/libnuma.so.1 && programs_run_in "$tree" /usr/lib
}

test_arch() {
    check "arch: shellcheck" shellcheck --shell=bash --exclude=SC2034,SC2154,SC2164 packaging/arch/PKGBUILD
    check "arch: makepkg builds the packages" arch_packages_are_built || return
    check "arch: the list of packages" sh -c "cd '$recipes/arch' && unshare --user --map-user=1000 --map-group=1000 makepkg --printsrcinfo"
    expect arch-all /usr /usr/lib "" "with the command" install-dropin-dev
    expect_more arch-all <<'END'
/etc/ld.so.conf.d/00-numars.conf
/usr/lib/numars/dropin/libnuma.so.1 -> libnuma.so.1.0.0
/usr/lib/numars/dropin/libnuma.so.1.0.0
END
    check "arch: all files are in a package" has_files arch-all "$work"/arch-tree/*
    if [ "$(id -u)" = 0 ]; then
        check "arch: pacman installs the packages, and programs run" arch_packages_install_and_run
    else
        skip "arch: installing" "it needs root"
    fi
}

# --- Alpine ---

unpacked() { # folder
    [ -d "$1/numars-$version" ] || { mkdir -p "$1" && tar -xf "$ARCHIVE" -C "$1"; }
}

alpine_files() { # without the command or with it
    expect alpine-all /usr /usr/lib "" "$1" install-dropin-dev
    expect_more alpine-all <<'END'
/usr/lib/libnuma.so.1 -> libnuma.so.1.0.0
/usr/lib/libnuma.so.1.0.0
END
}

# With the compiler that `make musl-test` uses, which has no std for musl, and so without the command.
alpine_builds_with_musl() (
    toolchain=$(target/release/vm toolchain --arch musl-amd64 --rust-only) && eval "$toolchain" && unpacked "$work/musl" || return
    # It has the source of core for musl. Cargo wants to read the crates that the rest of the standard library needs, which it has, too.
    cp -a "$("$RUSTC" --print sysroot)"/lib/rustlib/src/rust/library/vendor/* "$work/musl/numars-$version/vendor" || return
    export CC=musl-gcc CLI=no
    cd "$work/musl" && offline "$root/tests/packaging/abuild.sh" "$recipes/alpine/APKBUILD" "$work/musl/numars-$version" "$work/alpine-musl" \
        build package
)

programs_run_on_musl() {
    tree=$work/alpine-musl
    for package in numars-libs numars-dev numars-static numars-dropin numars-dropin-dev; do
        mkdir -p "$work/musl-root" && cp -a "$tree/$package/." "$work/musl-root" || return
    done
    installed=$work/musl-root/usr
    musl-gcc -o "$work/musl/uses_numars" "$programs/uses_numars.c" "-I$installed/include/numars" "-L$installed/lib" -lnumars &&
        prints_the_version env LD_LIBRARY_PATH="$installed/lib" "$work/musl/uses_numars" &&
        musl-gcc -static -o "$work/musl/static" "$programs/uses_numars.c" "-I$installed/include/numars" "-L$installed/lib" -lnumars &&
        prints_the_version "$work/musl/static" &&
        musl-gcc -o "$work/musl/uses_libnuma" "$programs/uses_libnuma.c" "-I$installed/include" "-L$installed/lib" -lnuma &&
        prints_the_nodes env LD_LIBRARY_PATH="$installed/lib" "$work/musl/uses_libnuma"
}

test_alpine() {
    check "alpine: shellcheck" shellcheck --shell=sh --exclude=SC2034,SC2154 packaging/alpine/APKBUILD
    # What makepkg built here, or else what this builds.
    check "alpine: the archive" unpacked "$work/build/numars/src"
    check "alpine: the functions build and split the packages" offline tests/packaging/abuild.sh "$recipes/alpine/APKBUILD" \
        "$work/build/numars/src/numars-$version" "$work/alpine" build package
    alpine_files "with the command"
    check "alpine: all files are in a package" has_files alpine-all "$work"/alpine/*
    [ -x target/release/vm ] || check "alpine: the compiler for musl" make --no-print-directory vm
    check "alpine: the functions build and split the packages with musl" alpine_builds_with_musl || return
    alpine_files "without the command"
    check "alpine: all files are in a package with musl" has_files alpine-all "$work"/alpine-musl/*
    check "alpine: programs run on musl" programs_run_on_musl
}

# --- Spack ---

spack() { # prefix spec
    offline python3 tests/packaging/spack.py "$recipes/spack/package.py" "$work/build/numars/src/numars-$version" "$1" "$2"
}
spack_refuses_libnuma_without_shared_library() {
    ! spack "$work/spack-refused" '+dropin libs=static' && [ ! -e "$work/spack-refused" ]
}

spack_package_is_linked_with() {
    cc -o "$work/spack-program" "$programs/uses_numars.c" "-I$1/include/numars" "-L$1/lib" -lnumars -Wl,-rpath,"$1/lib" &&
        prints_the_version "$work/spack-program"
}

test_spack() {
    check "spack: Python compiles it" python3 -m py_compile "$recipes/spack/package.py"
    check "spack: the archive" unpacked "$work/build/numars/src"
    check "spack: the phases build and install" spack "$work/spack" '+cli~dropin libs=shared,static'
    expect spack "" /lib "" "with the command"
    check "spack: all files are installed" has_files spack "$work/spack"
    check "spack: a program is linked with it" spack_package_is_linked_with "$work/spack"
    check "spack: the phases build and install in libnuma's place" spack "$work/spack-dropin" '~cli+dropin libs=shared,static'
    expect spack-dropin "" /lib "" "without the command" install-dropin
    check "spack: all files are installed in libnuma's place" has_files spack-dropin "$work/spack-dropin"
    check "spack: libnuma's place needs a shared library" spack_refuses_libnuma_without_shared_library
}

# --- Nix ---

# Stores and databases below the folder of the test.
nix() { # command argument…
    command=$1
    shift
    offline env NIX_STORE_DIR="$work/nix/store" NIX_STATE_DIR="$work/nix/var" NIX_LOG_DIR="$work/nix/log" NIX_CONF_DIR="$work/nix" CHECK="$check" \
        RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" "$command" --option sandbox false --option build-users-group '' "$@"
}
nixpkgs="import $root/tests/packaging/nixpkgs.nix"
nix_value() { # attribute
    nix nix-instantiate --eval --strict --expr "($nixpkgs).callPackage $recipes/nix/package.nix { }" --attr "$1"
}
nix_evaluates() {
    for attribute in version makeFlags installTargets meta; do nix_value "$attribute" || return; done
    nix_value version | grep -qx "\"$version\""
}
nix_builds() { # link arguments
    nix nix-build --out-link "$work/$1" --expr "($nixpkgs).callPackage $recipes/nix/package.nix $2" >"$work/nix.log" 2>&1 ||
        { tail -n 40 "$work/nix.log"; return 1; }
}
nix_has_files() { # name result
    mkdir -p "$work/$1-tree" && cp -a "$(readlink -f "$work/$2")/." "$(nix nix-build --no-out-link --expr \
        "(($nixpkgs).callPackage $recipes/nix/package.nix $3).man" 2>/dev/null)/." "$work/$1-tree" && has_files "$1" "$work/$1-tree"
}
nix_program_runs() {
    out=$(readlink -f "$work/nix-result")
    cc -o "$work/nix-program" "$programs/uses_numars.c" "-I$out/include/numars" "-L$out/lib" -lnumars -Wl,-rpath,"$out/lib" &&
        prints_the_version "$work/nix-program"
}

test_nix() {
    check "nix: it is parsed" nix nix-instantiate --parse "$recipes/nix/package.nix"
    check "nix: it is evaluated" nix_evaluates
    check "nix: nix-build checks the archive's hash and builds" nix_builds nix-result '{ withCommand = false; }' || return
    expect nix "" /lib "" "without the command"
    check "nix: all files are installed" nix_has_files nix nix-result '{ withCommand = false; }'
    check "nix: a program is linked with it" nix_program_runs
    check "nix: nix-build builds in libnuma's place" nix_builds nix-dropin '{ withCommand = false; inPlaceOfLibnuma = true; }'
    expect nix-dropin "" /lib "" "without the command" install-dropin
    check "nix: all files are installed in libnuma's place" nix_has_files nix-dropin nix-dropin '{ withCommand = false; inPlaceOfLibnuma = true; }'
}

# --- Conan ---

conan() {
    env CONAN_HOME="$work/conan-home" "$root/target/tools/conan/bin/conan" "$@"
}
conan_is_there() {
    cmp -s tests/packaging/conan.txt target/tools/conan/installed || {
        rm -rf target/tools/conan
        # Debian's Python, whatever else is in PATH.
        "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)" -m venv target/tools/conan &&
            target/tools/conan/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/packaging/conan.txt &&
            cp tests/packaging/conan.txt target/tools/conan/installed
    } || return
    conan profile detect --force
}
conan_creates() { # name option…
    name=$1
    shift
    offline env CONAN_HOME="$work/conan-home" "$root/target/tools/conan/bin/conan" create "$recipes/conan" "$@" >"$work/$name.log" 2>&1 ||
        { tail -n 40 "$work/$name.log"; return 1; }
    grep -qx "numars $version" "$work/$name.log" && grep -Eqx '[0-9]+ nodes|no NUMA policy on this machine' "$work/$name.log" || return
    package=$(sed -n 's|.*Package folder \(/.*\)|\1|p' "$work/$name.log" | head -n 1)
    ln -sfn "$package" "$work/$name" && has_licence "$package"/licenses/*
}
conan_refuses_libnuma_without_shared_library() {
    ! conan create "$recipes/conan" --options '&:in_place_of_libnuma=True' >"$work/conan-refused.log" 2>&1 &&
        grep -q 'need a shared library: shared=True' "$work/conan-refused.log"
}
without_kind() { # name pattern…: drops lines from what is expected
    name=$1
    shift
    for pattern; do grep -v -e "$pattern" "$work/expected/$name" >"$work/expected/lines" && mv "$work/expected/lines" "$work/expected/$name"; done
}

test_conan() {
    check "conan: pip installs it" conan_is_there || return
    check "conan: conan create with the archive" conan_creates conan-static || return
    expect conan-static "" /lib ""
    without_kind conan-static '\.so' '\.pc$'
    printf '%s\n' /conaninfo.txt /conanmanifest.txt | expect_more conan-static
    check "conan: all files of the archive are in the package" has_files conan-static "$work/conan-static/"
    check "conan: conan create with the shared library" conan_creates conan-shared --options '&:shared=True'
    expect conan-shared "" /lib ""
    without_kind conan-shared '\.a\>' '\.pc$'
    printf '%s\n' /conaninfo.txt /conanmanifest.txt | expect_more conan-shared
    check "conan: all files of the shared library are in the package" has_files conan-shared "$work/conan-shared/"
    check "conan: conan create in libnuma's place" conan_creates conan-dropin --options '&:shared=True' --options '&:in_place_of_libnuma=True'
    check "conan: libnuma's place needs a shared library" conan_refuses_libnuma_without_shared_library
}

# --- vcpkg ---

vcpkg() { # name linkage features
    offline cmake -DPORT_FOLDER="$recipes/vcpkg" -DFOLDER="$work/$1" -DLINKAGE="$2" -DFEATURES="$3" -P tests/packaging/vcpkg.cmake \
        >"$work/$1.log" 2>&1 || { tail -n 40 "$work/$1.log"; return 1; }
    # vcpkg refuses these.
    [ -z "$(find "$work/$1/packages" -type d -empty)" ] && [ ! -e "$work/$1/packages/debug/include" ] &&
        has_licence "$work/$1/packages/share/numars/copyright"
}

# For release and for debugging.
vcpkg_files() { # name pattern sections…
    name=$1 pattern=$2
    shift 2
    expect "$name" "" /lib "$@"
    without_kind "$name" "$pattern" '^/bin/' '/man1/'
    sed -n 's|^/lib/|/debug&|p' "$work/expected/$name" >"$work/expected/debug"
    { cat "$work/expected/debug" && echo /share/numars/copyright && echo /share/numars/usage; } | expect_more "$name"
}
vcpkg_program_runs() { # name
    flags=$(PKG_CONFIG_PATH=$work/$1/packages/lib/pkgconfig pkg-config --cflags --libs numars) || return
    # shellcheck disable=SC2086 # words
    cc -o "$work/$1/program" "$programs/uses_numars.c" $flags && prints_the_version env LD_LIBRARY_PATH="$work/$1/packages/lib" "$work/$1/program"
}
# The keys that the manual of vcpkg's manifests describes; a port has a version, and names and features are in lower case.
vcpkg_manifest_is_valid() {
    python3 - <<'END'
import json, re
manifest = json.load(open("packaging/vcpkg/vcpkg.json", encoding="utf-8"))
assert set(manifest) <= {"name", "version", "port-version", "description", "homepage", "license", "supports", "features", "dependencies"}
assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", manifest["name"]) and re.fullmatch(r"\d+(\.\d+)*", manifest["version"])
for name, feature in manifest["features"].items():
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert set(feature) <= {"description", "supports", "dependencies"} and feature["description"]
END
}

test_vcpkg() {
    check "vcpkg: the manifest" vcpkg_manifest_is_valid
    check "vcpkg: the port builds static libraries" vcpkg vcpkg-static static ''
    vcpkg_files vcpkg-static '\.so' ""
    check "vcpkg: all files of static libraries are in the package" has_files vcpkg-static "$work/vcpkg-static/packages"
    check "vcpkg: a program is linked with the archive" vcpkg_program_runs vcpkg-static
    check "vcpkg: the port builds shared libraries in libnuma's place" vcpkg vcpkg-dropin dynamic dropin
    vcpkg_files vcpkg-dropin '\.a\>' "" install-dropin
    check "vcpkg: all files of shared libraries are in the package" has_files vcpkg-dropin "$work/vcpkg-dropin/packages"
    check "vcpkg: a program is linked with the shared library" vcpkg_program_runs vcpkg-dropin
}

# Each recipe names one address, and that is the archive's.
fetches_only_the_archive() { # file
    grep -v '^ *#' "$1" | grep -o '[a-z]*://[^"'"'"' ),;]*' | grep -v '^https://numars.example/$' | sort -u >"$work/addresses"
    cat "$work/addresses"
    [ "$(wc -l <"$work/addresses")" = 1 ] && grep -q "^file://$archives" "$work/addresses"
}

for recipe in rpm/numars.spec:rpm arch/PKGBUILD:arch alpine/APKBUILD:alpine spack/package.py:spack nix/package.nix:nix conan/conandata.yml:conan \
    vcpkg/portfile.cmake:vcpkg; do
    is_chosen "${recipe#*:}" || continue
    check "${recipe#*:}: fetches only the archive" fetches_only_the_archive "$recipes/${recipe%:*}"
    "test_${recipe#*:}"
done
if [ "$failed" = 0 ]; then
    # Nix protects its files.
    chmod -R u+w "$work"
    rm -rf "$work"
fi
finish
