#!/bin/sh
# Writes the lists of the crates in the library and in the command, in the format CycloneDX (JSON), into target/sbom, and validates them. The same
# commit and compiler give the same files, whatever the folder. cargo-cyclonedx is installed into target/tools if there is none.
#   TARGET             of which the crates are (x86_64-unknown-linux-gnu)
#   SOURCE_DATE_EPOCH  the time in the files (that of the commit; for sources that are not in git, that of debian/changelog)
# Example: make sbom
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
tools=$(scripts/python-tools.sh)
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-cyclonedx >/dev/null || {
    "$cargo" install --quiet --locked cargo-cyclonedx --version 0.5.9 --root target/tools --target-dir target/sbom-build
    rm -rf target/sbom-build
}
[ -n "${SOURCE_DATE_EPOCH:-}" ] || SOURCE_DATE_EPOCH=$(
    if [ -e .git ]; then git log -1 --format=%ct; else date --date "$(sed -n '/^ -- /{s/.*>  //p;q}' debian/changelog)" +%s; fi
)
export SOURCE_DATE_EPOCH

# cargo-cyclonedx writes next to the manifests, so it works on a copy.
out=target/sbom
rm -rf "$out"
mkdir -p "$out/sources"
cp -r --no-dereference Cargo.* .cargo build.rs symbols.tsv src crates "$out/sources"
target=${TARGET:-x86_64-unknown-linux-gnu}
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
rust=$(${RUSTC:-rustc} --version | cut -d ' ' -f 2)
sbom() { # package, its folder, the manifest of its workspace
    manifest=$out/sources/$3
    "$cargo" cyclonedx --quiet --manifest-path "$manifest" --format json --spec-version 1.5 --target "$target" --override-filename bom
    "$cargo" tree --locked --manifest-path "$manifest" --package "$1" --edges normal,build --target "$target" --prefix none --format '{p}' \
        >"$out/$1.crates"
    file=$out/$1-$version.cdx.json
    "$tools/python" scripts/sbom.py "$out/sources" "$rust" "$out/$1.crates" <"$out/sources/$2/bom.json" >"$file.part"
    rm "$out/$1.crates"
    mv "$file.part" "$file"
    echo "$file"
}
sbom libnumars . Cargo.toml
sbom numars-cli crates/numars-cli crates/Cargo.toml
rm -rf "$out/sources"
