#!/bin/sh
# Writes the recipes of packaging/ for an archive of `make dist`: with the address where distributions find it, and its checksum, which the
# recipes cannot have in the archive itself.
#   ARCHIVE    the archive (target/dist/numars-VERSION.tar.xz)
#   ADDRESS    the address of its folder; without, the folder itself, for tests
#   OUT        where to write (target/packaging)
# Example: ADDRESS=https://example.org/releases scripts/recipes.sh
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
archive=${ARCHIVE:-target/dist/numars-$version.tar.xz}
[ -e "$archive" ] || {
    echo "There is no $archive: run make dist first." >&2
    exit 1
}
address=${ADDRESS:-file://$(cd "$(dirname "$archive")" && pwd)}
out=${OUT:-target/packaging}
sha256=$(sha256sum "$archive" | cut -d ' ' -f 1)
sha512=$(sha512sum "$archive" | cut -d ' ' -f 1)
base64=$(openssl dgst -sha256 -binary "$archive" | base64)

rm -rf "$out"
mkdir -p "$out"
(cd packaging && find . -type f ! -name '*.md') | while read -r name; do
    mkdir -p "$out/$(dirname "$name")"
    # The longer checksum first: the shorter one is part of it.
    sed -e "s|https://numars\.example/releases|$address|" -e "s/\<0\{128\}\>/$sha512/" -e "s/\<0\{64\}\>/$sha256/" -e "s|sha256-A\{43\}=|sha256-$base64|" \
        "packaging/$name" >"$out/$name"
done
echo "$out"
