#!/bin/sh
# Installs the files that make built, or removes them. `make install` and its variants run it, with these variables:
#   PREFIX LIBDIR INCLUDEDIR BINDIR DATADIR MANDIR    where to install
#   DESTDIR          prepended to each of them, for packages; it can have any name
#   BUILD            the folder of the built libraries
#   STATIC SHARED    no: without the archives; without the shared libraries, and without numars-run, which preloads one
#   CLI CLI_FOLDER   no: without the command; the folder of the built command
#   INSTALL LDCONFIG commands; if LDCONFIG is empty, ldconfig does not run
#   VERSION LIBNUMA_VERSION SOVERSION
# Usage: install.sh install|install-dropin|install-dropin-dev|uninstall|uninstall-dropin|uninstall-dropin-dev
#
# Root may have no Rust and must not own files in the source tree, so this builds nothing and writes nothing there. Everything that
# would conflict with libnuma is in folders of its own: the headers in include/numars, the libnuma.so.1 flavour and numa.pc in
# lib/numars. Only install-dropin also installs these as libnuma, and install-dropin-dev what programs are built with, including manual
# pages of libnuma's names.
set -eu

headers=$(cd include && echo *.h)
manuals=$(cd docs/man && echo *.[2-8])
# Of the command: the file, and where shells look for it below DATADIR.
command_manuals=$(cd docs/man && echo *.1)
third_party=$DATADIR/doc/numars/THIRD-PARTY.txt
completions="numars.bash:bash-completion/completions/numars _numars:zsh/site-functions/_numars
    numars.fish:fish/vendor_completions.d/numars.fish"
# The names that pages of section 3 describe besides their own, each with the page: NAME:PAGE.
links_of() { # page…
    for page; do
        name=${page##*/}
        sed -n "/^\.Nd/q; s/^\.Nm \([^ ]*\).*/\1:${name%.3}/p" "$page"
    done | awk -F : '$1 != $2'
}
manual_links=$(links_of docs/man/*.3)
# Those of libnuma's names.
numa_manuals=$(cd docs/man/libnuma && echo *.3)
numa_manual_links=$(links_of docs/man/libnuma/*.3)

refuse() {
    printf '%s\n' "$1" >&2
    exit 1
}

advice="Run make first, as a user with Rust installed; make install only copies files."

# Exits if one of these sources is newer than the file, which was written when they had been built.
require_newer() { # file source…
    built=$1
    shift
    newer=$(find "$@" -type f -newer "$built" | head -n 1)
    [ -z "$newer" ] || refuse "$newer is newer than what was built. $advice"
}

# Exits if this library is not built, or if only others have been since the sources changed.
require_library() { # name setting
    [ -e "$BUILD/$1" ] || refuse "$1 is not built yet; $2=no leaves it out. $advice"
    [ -z "$(find "$BUILD/rust.a" -newer "$BUILD/$1" 2>/dev/null)" ] ||
        refuse "$1 is older than what was built last; $2=no leaves it out. $advice"
}

require_build() {
    [ -e "$BUILD/built" ] || refuse "Nothing is built yet. $advice"
    require_newer "$BUILD/built" Cargo.toml Cargo.lock Makefile symbols.tsv src crates/numars
    [ "$STATIC" = no ] || require_library libnumars.a STATIC
    for name in libnumars libnuma; do
        [ "$SHARED" = no ] || require_library "$name.so.$SOVERSION" SHARED
    done
    [ "$CLI" != no ] || return 0
    [ -e "$CLI_FOLDER/built-for" ] || refuse "The command numars is not built yet; CLI=no leaves it out. $advice"
    require_newer "$CLI_FOLDER/built-for" crates/numars crates/numars-cli/src crates/numars-cli/Cargo.toml crates/Cargo.toml crates/Cargo.lock
    # It searches for the library below the folder that has its own, and where the build says.
    case $LIBDIR in
    "${BINDIR%/*}"/lib | "${BINDIR%/*}"/lib64 | "${BINDIR%/*}"/lib/*-linux-*) return ;;
    esac
    read -r built_for <"$CLI_FOLDER/built-for"
    [ "$built_for" = "$LIBDIR" ] ||
        refuse "The command numars was not built for this LIBDIR and would not find the library. Run make LIBDIR=$LIBDIR first."
}

# Files that another libnuma may have in the folders that install-dropin uses, without and with what only install-dropin-dev uses.
libnuma_files() {
    for name in libnuma.so.1 "libnuma.so.$SOVERSION"; do echo "$LIBDIR/$name"; done
}
libnuma_dev_files() {
    for name in libnuma.so libnuma.a pkgconfig/numa.pc; do echo "$LIBDIR/$name"; done
    for name in $headers; do echo "$INCLUDEDIR/$name"; done
}
libnuma_manuals() {
    for name in $numa_manuals; do echo "$MANDIR/man3/$name"; done
    for name in $numa_manual_links; do echo "$MANDIR/man3/${name%:*}.3"; done
}

exists() { # path
    [ -h "$1" ] || [ -e "$1" ]
}

# Each file of numars contains one of these marks, or is one of these links.
is_ours() { # path
    grep -qs -e numars_version -e 'Part of numars' -e "numars' numa.h" -e '^Description: numars,' "$1" ||
        readlink "$1" | grep -qx -e libnumars.a -e numars/libnuma.so.1
}

# Exits if one of these files belongs to another libnuma.
refuse_other_libnuma() { # advice path…
    advice_now=$1
    shift
    for path; do
        ! exists "$DESTDIR$path" || is_ours "$DESTDIR$path" || refuse "$DESTDIR$path is another libnuma's: $advice_now."
    done
}

# Compressed, as packages have them, they would be beside ours.
refuse_compressed_manuals() {
    for path in $(libnuma_manuals); do
        for end in gz bz2 xz zst; do
            ! exists "$DESTDIR$path.$end" || refuse "$DESTDIR$path.$end is another libnuma's: $elsewhere."
        done
    done
}

# --- install ---

# A shared library, and the links for its SONAME and for the linker.
install_library() { # name folder
    [ "$SHARED" != no ] || return 0
    $INSTALL -m 755 "$BUILD/$1.so.$SOVERSION" "$DESTDIR$2"
    ln -sf "$1.so.$SOVERSION" "$DESTDIR$2/$1.so.1"
    ln -sf "$1.so.1" "$DESTDIR$2/$1.so"
}

# The link to the archive under libnuma's name.
link_archive() { # target path
    [ "$STATIC" = no ] || ln -sf "$1" "$DESTDIR$2"
}

# A template with the folders and versions filled in. Its mode does not depend on umask(2).
install_filled_in() { # mode template path sed-options…
    mode=$1 template=$2 path=$DESTDIR$3
    shift 3
    rm -f "$path"
    sed -e "s|@PREFIX@|$PREFIX|" -e "s|@LIBDIR@|$LIBDIR|" -e "s|@INCLUDEDIR@|$INCLUDEDIR|" -e "s|@VERSION@|$VERSION|" \
        -e "s|@LIBNUMA_VERSION@|$LIBNUMA_VERSION|" "$@" "$template" >"$path"
    chmod "$mode" "$path"
}

# For pkg-config, which can be given another prefix.
by_prefix="/dir=/s|=$PREFIX/|=\${prefix}/|"
# Without a library to find in a directory of its own: no RUNPATH, nor the comment about it.
without_runpath='s| -Wl,-rpath,[^ ]*||;/^#/d'

install_files() {
    for folder in "$LIBDIR/pkgconfig" "$LIBDIR/numars/pkgconfig" "$INCLUDEDIR/numars" "$MANDIR/man3" "$MANDIR/man7"; do
        $INSTALL -d "$DESTDIR$folder"
    done
    install_library libnumars "$LIBDIR"
    [ "$STATIC" = no ] || $INSTALL -m 644 "$BUILD/libnumars.a" "$DESTDIR$LIBDIR"
    install_library libnuma "$LIBDIR/numars"
    link_archive ../libnumars.a "$LIBDIR/numars/libnuma.a"
    install_filled_in 644 pkgconfig/numars.pc.in "$LIBDIR/pkgconfig/numars.pc" -e "$by_prefix"
    sed_options=$by_prefix
    [ "$SHARED" != no ] || sed_options="$by_prefix;$without_runpath"
    install_filled_in 644 pkgconfig/numa.pc.in "$LIBDIR/numars/pkgconfig/numa.pc" -e "$sed_options"
    for name in $headers; do $INSTALL -m 644 "include/$name" "$DESTDIR$INCLUDEDIR/numars"; done
    if [ "$CLI" != no ]; then install_command; elif [ "$SHARED" != no ]; then install_script; fi
    for name in $manuals; do $INSTALL -m 644 "docs/man/$name" "$DESTDIR$MANDIR/man${name##*.}"; done
    for name in $manual_links; do install_manual_link "$name"; done
}

# A page that is another one: man(1) reads the first line, and the second one says whose it is.
install_manual_link() { # NAME:PAGE
    path=$DESTDIR$MANDIR/man3/${1%:*}.3
    rm -f "$path"
    printf '.so man3/%s.3\n.\\" Part of numars.\n' "${1#*:}" >"$path"
    chmod 644 "$path"
}

# numars-run is the command under another name.
install_command() {
    $INSTALL -d "$DESTDIR$BINDIR" "$DESTDIR$MANDIR/man1"
    $INSTALL -m 755 "$CLI_FOLDER/numars" "$DESTDIR$BINDIR/numars"
    [ "$SHARED" = no ] || ln -sf numars "$DESTDIR$BINDIR/numars-run"
    for name in $command_manuals; do $INSTALL -m 644 "docs/man/$name" "$DESTDIR$MANDIR/man1/$name"; done
    $INSTALL -d "$DESTDIR${third_party%/*}"
    $INSTALL -m 644 crates/numars-cli/THIRD-PARTY.txt "$DESTDIR$third_party"
    for name in $completions; do
        path=$DESTDIR$DATADIR/${name#*:}
        $INSTALL -d "${path%/*}"
        $INSTALL -m 644 "crates/numars-cli/completions/${name%:*}" "$path"
    done
}

install_script() {
    $INSTALL -d "$DESTDIR$BINDIR" "$DESTDIR$MANDIR/man1"
    install_filled_in 755 bin/numars-run.in "$BINDIR/numars-run"
    $INSTALL -m 644 bin/numars-run.1 "$DESTDIR$MANDIR/man1/numars-run.1"
}

install_as_libnuma() {
    install_to_build_with_libnuma
    install_library libnuma "$LIBDIR"
}

# What programs are built with that use libnuma. The link for the linker leads to the library that `make install` installs, whatever the
# programs run on later.
install_to_build_with_libnuma() {
    [ "$SHARED" = no ] || ln -sf numars/libnuma.so.1 "$DESTDIR$LIBDIR/libnuma.so"
    link_archive libnumars.a "$LIBDIR/libnuma.a"
    # Its files are where libnuma's would be: no folders of its own.
    install_filled_in 644 pkgconfig/numa.pc.in "$LIBDIR/pkgconfig/numa.pc" -e "$by_prefix" -e '/dir=/s|/numars$||' -e "$without_runpath"
    for name in $headers; do $INSTALL -m 644 "include/$name" "$DESTDIR$INCLUDEDIR"; done
}

install_libnuma_manuals() {
    for name in $numa_manuals; do $INSTALL -m 644 "docs/man/libnuma/$name" "$DESTDIR$MANDIR/man3"; done
    for name in $numa_manual_links; do install_manual_link "$name"; done
}

# --- uninstall ---

# The files of install_files. Other packages may have files in the same folders.
installed_files() {
    for name in so so.1 "so.$SOVERSION" a; do echo "$LIBDIR/libnumars.$name" "$LIBDIR/numars/libnuma.$name"; done
    echo "$LIBDIR/pkgconfig/numars.pc" "$LIBDIR/numars/pkgconfig/numa.pc" "$BINDIR/numars" "$BINDIR/numars-run"
    for name in $headers; do echo "$INCLUDEDIR/numars/$name"; done
    for name in $manuals; do echo "$MANDIR/man${name##*.}/$name"; done
    for name in $manual_links; do echo "$MANDIR/man3/${name%:*}.3"; done
    for name in $command_manuals; do echo "$MANDIR/man1/$name"; done
    for name in $completions; do echo "$DATADIR/${name#*:}"; done
    echo "$third_party"
}

# Exits if this is installed: another target removes it together with all else.
refuse_installed() { # path target
    ! exists "$DESTDIR$1" || ! is_ours "$DESTDIR$1" ||
        refuse "numars is in libnuma's place: run make $2, which removes that too."
}

remove() { # path…
    for path; do rm -f "$DESTDIR$path"; done
}

# Of manual pages, only ours: install-dropin has none.
remove_libnuma_manuals() {
    for path in $(libnuma_manuals); do ! is_ours "$DESTDIR$path" || remove "$path"; done
}

uninstall_files() {
    for path in $(installed_files); do rm -f "$DESTDIR$path"; done
    for folder in "$LIBDIR/numars/pkgconfig" "$LIBDIR/numars" "$INCLUDEDIR/numars" "${third_party%/*}"; do
        rmdir "$DESTDIR$folder" 2>/dev/null || true
    done
}

# --- both ---

# The folders are written into scripts and .pc files.
sh bin/check-folders.sh PREFIX "$PREFIX" LIBDIR "$LIBDIR" INCLUDEDIR "$INCLUDEDIR" BINDIR "$BINDIR" DATADIR "$DATADIR" MANDIR "$MANDIR" ||
    exit
elsewhere="remove that first or choose another PREFIX, LIBDIR or MANDIR"
library=
case $1 in
install)
    require_build
    install_files
    library=$LIBDIR/libnumars.so.1
    ;;
install-dropin)
    # shellcheck disable=SC2046 # one word for each
    refuse_other_libnuma "$elsewhere" $(libnuma_dev_files) $(libnuma_files)
    [ "$SHARED" != no ] || refuse "Programs that were linked with libnuma need the shared library, which SHARED=no leaves out."
    require_build
    install_files
    install_as_libnuma
    library=$LIBDIR/libnuma.so.1
    ;;
install-dropin-dev)
    # shellcheck disable=SC2046
    refuse_other_libnuma "$elsewhere" $(libnuma_dev_files) $(libnuma_manuals)
    refuse_compressed_manuals
    require_build
    install_files
    install_to_build_with_libnuma
    install_libnuma_manuals
    library=$LIBDIR/libnumars.so.1
    ;;
uninstall)
    refuse_installed "$LIBDIR/libnuma.so.1" uninstall-dropin
    refuse_installed "$LIBDIR/pkgconfig/numa.pc" uninstall-dropin-dev
    uninstall_files
    ;;
uninstall-dropin)
    # shellcheck disable=SC2046
    refuse_other_libnuma "nothing is removed" $(libnuma_dev_files) $(libnuma_files)
    # shellcheck disable=SC2046
    remove $(libnuma_dev_files) $(libnuma_files)
    remove_libnuma_manuals
    uninstall_files
    ;;
uninstall-dropin-dev)
    refuse_installed "$LIBDIR/libnuma.so.1" uninstall-dropin
    # shellcheck disable=SC2046
    refuse_other_libnuma "nothing is removed" $(libnuma_dev_files)
    # shellcheck disable=SC2046
    remove $(libnuma_dev_files)
    remove_libnuma_manuals
    uninstall_files
    ;;
*) refuse "usage: install.sh [un]install|[un]install-dropin|[un]install-dropin-dev" ;;
esac
[ "$SHARED" != no ] || [ -z "$library" ] || LDCONFIG=
[ -z "$LDCONFIG" ] || LDCONFIG=$LDCONFIG exec sh bin/loader-cache.sh "$DESTDIR" "$library"
