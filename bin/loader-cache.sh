#!/bin/sh
# Updates the loader's cache after numars was installed or removed, if run as root without DESTDIR, and prints what remains to be done before
# programs find the library. Run by `make install` and `make uninstall`.
# Usage: LDCONFIG=COMMAND loader-cache.sh DESTDIR [LIBDIR/NAME]
#
# -ef is in POSIX since 2024, and in the shells of all systems with ldconfig:
# shellcheck disable=SC3013
set -u
PATH=$PATH:/usr/sbin:/sbin
destination=$1 library=${2-}
name=${library##*/} folder=${library%/*}

if [ -n "$destination" ]; then
    [ -z "$library" ] ||
        echo "ldconfig did not run, because DESTDIR is set: run it on the target system so that programs find $name."
    exit
fi

# LDCONFIG may have options.
if ! command -v "${LDCONFIG%% *}" >/dev/null; then
    list=
elif [ "$(id -u)" = 0 ]; then
    $LDCONFIG || exit
    [ -n "$library" ] || exit 0
    list=$($LDCONFIG -p)
else
    list=$($LDCONFIG -p)
fi
[ -n "$library" ] || exit 0
if [ -z "$list" ]; then
    echo "${LDCONFIG%% *} prints no list of libraries: if programs do not find $name in $folder, set LD_LIBRARY_PATH."
    exit
fi

# Each file of this name in the cache, preceded by its kind (libc6,x86-64). The loader uses the first one of the program's kind.
listed=$(printf '%s\n' "$list" | sed -n "s/^[[:space:]]*$name (\([^ )]*\)[^)]*) => /\1 /p" | sed 's/, / /')
kind=$(printf '%s\n' "$listed" | while read -r kind path; do
    if [ "$path" -ef "$library" ]; then echo "$kind" && break; fi
done)
first=$(printf '%s\n' "$listed" | sed -n "s/^$kind //p" | head -n 1)
if [ -n "$kind" ] && [ "$first" -ef "$library" ]; then
    exit 0
elif [ -n "$kind" ]; then
    echo "Programs find $first before $library: add $folder to a file in /etc/ld.so.conf.d whose name sorts first and run ldconfig, or set LD_LIBRARY_PATH."
elif [ "$(id -u)" = 0 ]; then
    echo "The loader does not search $folder: add it to a file in /etc/ld.so.conf.d and run ldconfig, or set LD_LIBRARY_PATH."
else
    echo "Programs do not find $name in $folder yet: run ldconfig as root if the loader searches that directory, or set LD_LIBRARY_PATH."
fi
