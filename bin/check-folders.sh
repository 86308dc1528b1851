#!/bin/sh
# Exits with a message if a path would not work in scripts, in pkg-config files, or in environment variables of the loader, which separates
# paths by colons and blanks. Usage: check-folders.sh NAME DIRECTORY [NAME DIRECTORY…]
set -u

refuse() {
    printf '%s\n' "$1" >&2
    exit 1
}

while [ $# -ge 2 ]; do
    case $2 in
    /*) ;;
    *) refuse "$1 is '$2', which is not an absolute path." ;;
    esac
    rest=$(printf %s "$2" | LC_ALL=C tr -d 'A-Za-z0-9/._+~@=^\200-\377-')
    [ -z "$rest" ] || refuse "$1 is '$2': pkg-config, the loader or the shell would misinterpret '$rest' in it."
    shift 2
done
