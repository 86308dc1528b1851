#!/bin/sh
# Prints how the interface of the shared libraries differs from others, by libabigail's abidiff, and fails if a program could notice:
# - from Debian's libnuma, the installed one and that of Debian 13, which is the release that numars replaces. They have no debugging information, so
#   symbols and their versions are compared, but no types: tests/linking.rs runs programs that were compiled with the headers of each. No symbol may
#   be missing.
# - from the last release of numars. Both are built with debugging information, so types of arguments, results, structures and data are compared too.
#   libnuma's interface may only grow. Changes of numars_* are printed; a symbol that was removed is a failure once the release is 1.0 or newer.
#   Whether programs work with another change, such as a longer structure, is for whoever releases to judge.
# The last line is `N passed, N failed`.
#   BASELINE   a commit to compare with (the newest tag v*; without one, nothing is compared)
#   DROPIN     a libnuma.so.1 that is compared with libnuma instead of the one that make built, and with nothing else
# Example: make abi BASELINE=v0.1.0
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317,SC2329
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
scripts/setup.sh abi || exit
PATH=$PATH:/usr/sbin:/sbin

# Prints the symbols that only NEW has; of numars.h, how many.
additions() { # OLD NEW
    abidiff "$1" "$2" | awk '$1 == "[A]" && /NUMARS_/ { numars++ } $1 == "[A]" && !/NUMARS_/ { print "    added: " $2 }
        END { if (numars) print "    added: " numars " symbols of version NUMARS_1.0" }'
}

# no_symbol_is_missing OLD NEW
no_symbol_is_missing() {
    abidiff --no-added-syms "$1" "$2" && additions "$1" "$2"
}

# Builds the libraries of the sources in this folder into target/abi/built, with debugging information.
build() {
    env -u MAKEFLAGS -u MAKELEVEL RUSTFLAGS="${RUSTFLAGS:-} -g" make --no-print-directory BUILD=target/abi/built CLI=no libraries >/dev/null
}

# libnumas_interface_is_the_same OLD NEW: suppressed are the functions of numars.h.
libnumas_interface_is_the_same() {
    abidiff --fail-no-debug-info --no-added-syms --suppressions tests/abi.suppressions "$1" "$2"
}

# Bits of the exit status: 1 and 2 are errors, 4 is a change, 8 is a symbol that is gone or something as bad.
no_symbol_of_numars_is_gone() { # OLD NEW
    abidiff --fail-no-debug-info "$1" "$2"
    status=$?
    case $baseline in v0.*) [ $((status & 3)) = 0 ] ;; *) [ $((status & 11)) = 0 ] ;; esac
}

dropin=${DROPIN:-target/c/libnuma.so.1}
installed=$(ldconfig -p | sed -n '/^\tlibnuma\.so\.1 /{s/.* //p;q}')
if [ -n "$installed" ]; then
    check "libnuma.so.1 and $installed" no_symbol_is_missing "$installed" "$dropin"
else
    skip "this machine's libnuma" "install libnuma1"
fi
[ -z "${DROPIN:-}" ] || finish
check "libnuma.so.1 and that of Debian 13" no_symbol_is_missing "$(target/release/vm reference trixie)/libnuma.so.1" "$dropin"

baseline=${BASELINE:-$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)}
if [ -z "$baseline" ]; then
    skip "the last release" "nothing has been released that the libraries could be compared with"
    finish
fi
old=target/abi/old
rm -rf "$old"
mkdir -p "$old"
git archive "$baseline" | tar -x -C "$old"
both_build() {
    build && (cd "$old" && build)
}
check "the libraries of $baseline and of these sources" both_build
[ "$failed" = 0 ] || finish
for name in libnuma libnumars; do
    library=target/abi/built/$name.so.1
    check "$name.so.1 and $baseline: libnuma's interface" libnumas_interface_is_the_same "$old/$library" "$library"
done
check "libnumars.so.1 and $baseline: everything" no_symbol_of_numars_is_gone "$old/$library" "$library"
finish
