#!/bin/sh
# Gives the project another version: in the manifests of the libraries and of the command, in the lock files, in the recipes of packaging/, as a new
# entry of debian/changelog, and as the heading of what CHANGELOG.md has as unreleased. It does not write the files that are generated from them:
# CONTRIBUTING.md, "Release", says how.
# Usage: set-version.sh VERSION
#   DEBFULLNAME, DEBEMAIL   who signs the entry of debian/changelog (the Maintainer of debian/control)
# Example: scripts/set-version.sh 0.2.0
set -eu
cd "$(dirname "$0")/.."
new=$1
old=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
expr "$new" : '[0-9]\{1,\}\.[0-9]\{1,\}\.[0-9]\{1,\}$' >/dev/null || { echo "$new is not a version such as 0.2.0." >&2 && exit 1; }
[ "$(printf '%s\n' "$old" "$new" | sort -V | tail -n 1)" = "$new" ] || { echo "$new is older than $old." >&2 && exit 1; }
date=$(date --utc +%F)
# The first release keeps the version that the sources have always had.
if [ "$new" != "$old" ]; then
    for manifest in Cargo.toml crates/*/Cargo.toml tests/unit/Cargo.toml tests/unit-c/Cargo.toml; do
        sed -i "0,/^version = /s/^version = \"$old\"/version = \"$new\"/" "$manifest"
    done
    for lock in Cargo.lock crates/Cargo.lock fuzz/Cargo.lock tests/Cargo.lock tests/*/Cargo.lock; do
        sed -i "/^name = \"\(lib\)\?numars\(-cli\)\?\"$/{n;s/^version = \"$old\"/version = \"$new\"/}" "$lock"
    done
    maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
    [ -z "${DEBEMAIL:-}" ] || maintainer="${DEBFULLNAME:-numars} <$DEBEMAIL>"
    entry="numars ($new) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $maintainer  $(date --utc --rfc-email)
"
    printf '%s\n' "$entry" | cat - debian/changelog >debian/changelog.new
    mv debian/changelog.new debian/changelog
    pattern=$(echo "$old" | sed 's/\./\\./g')
    for recipe in alpine/APKBUILD arch/PKGBUILD conan/conandata.yml conan/conanfile.py nix/package.nix spack/package.py vcpkg/vcpkg.json; do
        sed -i "s/\<$pattern\>/$new/g" "packaging/$recipe"
    done
    entry="* $(LC_ALL=C date --utc '+%a %b %d %Y') $maintainer - $new-1\\n- See CHANGELOG.md."
    sed -i -e "s/^\(Version: *\)$pattern\$/\1$new/" -e "s/^%changelog\$/&\\n$entry\\n/" packaging/rpm/numars.spec
fi
sed -i "s/^## Unreleased\$/## $new - $date/" CHANGELOG.md
