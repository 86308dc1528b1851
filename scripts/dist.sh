#!/bin/sh
# Writes the archive of a release, target/dist/numars-VERSION.tar.xz: the files that git knows, as they are in the work tree, and in vendor/ the
# sources of all crates that `make`, `make install` and `make check` need on Linux. What is unpacked builds without network: docs/packaging.md.
# It installs cargo-vendor-filterer into target/tools if there is none.
#   OUT                 the folder of the archive (target/dist)
#   SOURCE_DATE_EPOCH   the time of all files (that of the last commit)
# Example: make dist
set -eu
cd "$(dirname "$0")/.."
out=${OUT:-target/dist}
name=numars-$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
# An archive that was unpacked in another repository is none of its files.
[ -e .git ] || {
    echo "make dist packs the files that git knows: it needs a clone of the repository." >&2
    exit 1
}
scripts/setup.sh dist
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "$name.tar.xz will have changes that are not committed." >&2

PATH=$PWD/target/tools/bin:$PATH
command -v cargo-vendor-filterer >/dev/null ||
    "${CARGO:-cargo}" install --quiet --locked cargo-vendor-filterer --version 0.5.18 --root target/tools --target-dir target/tools/build
rm -rf "$out/tree"
mkdir -p "$out/tree/$name"
git ls-files -z | xargs -0 cp --parents --no-dereference --target-directory="$out/tree/$name"

# In place of crates for other systems, some of which contain compiled libraries, there are empty ones, which cargo reads as well. Features add
# what tests need. dpkg-source would leave out .gitmodules, whose sums cargo would then miss.
"${CARGO:-cargo}" vendor-filterer --platform '*-unknown-linux-*' --tier 2 --all-features --versioned-dirs --exclude-crate-path '*#.gitmodules' \
    --sync crates/Cargo.toml --sync tests/Cargo.toml "$out/tree/$name/vendor" >"$out/vendor.log" 2>&1 || {
    cat "$out/vendor.log" >&2
    exit 1
}
cat >>"$out/tree/$name/.cargo/config.toml" <<'END'

# Crates are in the archive.
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
END

# With one thread, the same version of xz writes the same on every machine.
tar -c --directory="$out/tree" --format=gnu --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --use-compress-program='xz --threads=1' --file="$out/$name.tar.xz.part" "$name"
mv "$out/$name.tar.xz.part" "$out/$name.tar.xz"
rm -rf "$out/tree"
ls "$out/$name.tar.xz"
