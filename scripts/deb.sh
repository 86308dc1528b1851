#!/bin/sh
# Builds Debian packages: docs/packaging.md. The sources are copied first, so that nothing but target changes: the files
# that git knows, as they are in the work tree, or all files if the sources are not in git, as those of `git archive`.
#   OUT                 their folder (target/deb)
#   DEB_HOST_ARCH       the architecture they are for (this machine's); scripts/cross.sh provides the compilers
#   DEB_BUILD_OPTIONS   options of dpkg-buildpackage (nocheck, since `make check` is run without packages as well)
# Example: make deb; with tests, DEB_BUILD_OPTIONS=terse make deb
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh deb
out=${OUT:-target/deb}
sources=$out/numars-$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)

rm -rf "$out"/numars-[0-9]* "$out"/*.deb "$out"/*.buildinfo "$out"/*.changes
mkdir -p "$sources"
if [ -e .git ]; then git ls-files -z; else find . -path ./target -prune -o ! -type d -print0; fi >"$out/sources"
xargs -0 cp --parents --no-dereference --preserve=mode,timestamps --target-directory="$sources" <"$out/sources"
# -d: the compiler need not be Debian's, which is too old in some releases. Variables that make passes to a make that it starts would
# reach that of the packages, which installs into other folders.
(cd "$sources" && exec env -u MAKEFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck}" dpkg-buildpackage -b -us -uc -d ${DEB_HOST_ARCH:+--host-arch "$DEB_HOST_ARCH"}) >"$out/build.log" 2>&1 || { cat "$out/build.log" && exit 1; }
ls "$out"/*.deb
