#!/bin/sh
# Updates the loader's list of libraries when numars was installed or removed, as root in the running system, and prints what is left to be
# done before programs find the library. `make install` and `make uninstall` run it.
# Usage: LDCONFIG=COMMAND loader-cache.sh DESTDIR [LIBDIR/NAME]
#
# All shells of systems with ldconfig know -ef, as POSIX does since 2024:
# shellcheck disable=SC3013
set -u
PATH=$PATH:/usr/sbin:/sbin
destination=$1 library=${2-}
name=${library##*/} folder=${library%/*}

if [ -n "$destination" ]; then
    [ -z "$library" ] ||
        echo "ldconfig did not run, because of DESTDIR: where the files end up, it has to run before programs find $name."
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
    echo "${LDCONFIG%% *} does not list the loader's libraries: if programs do not find $name in $folder, set LD_LIBRARY_PATH."
    exit
fi

# Each file of this name in the list, after its kind (libc6,x86-64). The loader takes the first of the program's kind.
listed=$(printf '%s\n' "$list" | sed -n "s/^[[:space:]]*$name (\([^ )]*\)[^)]*) => /\1 /p" | sed 's/, / /')
kind=$(printf '%s\n' "$listed" | while read -r kind path; do
    if [ "$path" -ef "$library" ]; then echo "$kind" && break; fi
done)
first=$(printf '%s\n' "$listed" | sed -n "s/^$kind //p" | head -n 1)
if [ -n "$kind" ] && [ "$first" -ef "$library" ]; then
    exit 0
elif [ -n "$kind" ]; then
    echo "Programs find $first before $library: list $folder in a file in /etc/ld.so.conf.d whose name sorts first and run ldconfig, or set LD_LIBRARY_PATH."
elif [ "$(id -u)" = 0 ]; then
    echo "The loader does not look for libraries in $folder: list that below /etc/ld.so.conf.d and run ldconfig, or set LD_LIBRARY_PATH."
else
    echo "Programs do not find $name in $folder yet: run ldconfig as root, if the loader looks there, or set LD_LIBRARY_PATH."
fi
