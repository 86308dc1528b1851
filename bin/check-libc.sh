#!/bin/sh
# Exits with one line if a shared library does not use the C library of the system that it was compiled for. A linker that finds only
# libc.a, or prefers it, puts a second C library into it: with a malloc, an errno and a list of threads of its own.
# Usage: check-libc.sh READELF LIBRARY TARGET
set -u
contents=$(LC_ALL=C $1 --dynamic --dyn-syms --wide "$2")
libc=$(printf '%s\n' "$contents" | sed -n 's/.*(NEEDED).*\[\(libc\.[^]]*\)].*/\1/p')

refuse() {
    echo "$1" >&2
    exit 1
}

if [ -z "$libc" ] || ! printf '%s\n' "$contents" | grep -q 'UND malloc\(@\|$\)'; then
    refuse "$2 contains a C library: the linker used libc.a. Install the shared one, and leave out what makes linking static."
fi
case $3:$libc in
*-gnu*:libc.so.6* | *-musl*:libc.so | *-musl*:libc.musl-*) ;;
*-gnu*:*) refuse "$2 is compiled for glibc ($3) and linked with $libc: set TARGET to that of its C library, or CC to another compiler." ;;
*-musl*:*) refuse "$2 is compiled for musl ($3) and linked with $libc: set CC to a compiler for musl, as CC=musl-gcc." ;;
esac
