#!/bin/sh
# Runs an APKBUILD without abuild, in a folder where its source is unpacked and may be built already: its functions in the order of abuild, each
# subpackage in the order of the list. The trees are in OUT, one for each package.
# Usage: abuild.sh APKBUILD SOURCES OUT [FUNCTION…]; CLI=no leaves out subpackages of which there is nothing then.
set -eu
recipe=$1 sources=$2 out=$3
shift 3
# shellcheck disable=SC2034 # for the recipe
srcdir=$(dirname "$sources")
pkgbasedir=$out
pkgdir=$pkgbasedir/numars
# shellcheck source=/dev/null
. "$recipe"
# What the recipe sets.
: "${builddir:?}" "${pkgname:?}" "${pkgver:?}" "${pkgrel:?}" "${subpackages:?}" "${license:?}" "${arch:?}" "${sha512sums:?}" "${source:?}"
[ "$builddir" = "$sources" ] || {
    echo "the archive's folder would be $builddir" >&2
    exit 1
}

# Moves files of the package into the subpackage, by patterns relative to the root.
amove() {
    for pattern; do
        moved=
        for path in "$pkgdir"/$pattern; do
            { [ -e "$path" ] || [ -h "$path" ]; } || continue
            moved=yes
            mkdir -p "$subpkgdir/$(dirname "${path#"$pkgdir/"}")"
            mv "$path" "$subpkgdir/${path#"$pkgdir/"}"
        done
        [ -n "$moved" ] || {
            echo "$subpkgname: no $pattern" >&2
            exit 1
        }
    done
}

rm -rf "$out"
cd "$sources"
for function; do "$function"; done
for entry in $subpackages; do
    case ${CLI:-yes}-$entry in no-*-completion:*) continue ;; esac
    subpkgname=${entry%%:*}
    subpkgdir=$pkgbasedir/$subpkgname
    mkdir -p "$subpkgdir"
    (eval "${entry#*:}")
done
find "$out" -depth -type d -empty -delete
