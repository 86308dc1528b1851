#!/bin/sh
# Exits with one line if cargo or rustc is missing or older than Cargo.toml says: what they print themselves then depends on how old
# they are. Usage: check-rust.sh CARGO RUSTC
set -u
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

refuse() {
    echo "numars needs Rust $needed or newer, but $1; see https://rustup.rs." >&2
    exit 1
}

check() { # name version
    [ -n "$2" ] || refuse "$1 was not found"
    [ "$(printf '%s\n' "$needed" "$2" | sort -V | head -n 1)" = "$needed" ] || refuse "$1 is $2"
}

check cargo "$($1 --version 2>/dev/null | cut -d ' ' -f 2)"
check rustc "$($2 --version 2>/dev/null | cut -d ' ' -f 2)"
case $PWD in
*:*)
    echo 'cargo builds nothing in a folder with a colon in its path.' >&2
    exit 1
    ;;
esac
