#!/bin/sh
# Writes the documents as a site into target/site: pages that link to each other, with a search, that need no server and no network. Then
# checks all links. It needs mandoc(1), and mdBook, which it installs into target/tools if there is none.
# Example: make site
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
scripts/setup.sh site
PATH=$PWD/target/tools/bin:$PATH
built=target/site-build
command -v mdbook >/dev/null || {
    "$cargo" install --quiet --locked mdbook --version 0.5.4 --no-default-features --features search --root target/tools --target-dir $built
    rm -rf $built
}
site() {
    "$cargo" run --quiet --locked --manifest-path tests/Cargo.toml --target-dir target --package numars-site -- "$@"
}
RUSTDOCFLAGS='--deny warnings' "$cargo" doc --quiet --locked --no-deps --package numars --features std,allocator-api2,serde --target-dir $built
site sources target/site-sources
rm -rf target/site
mdbook build target/site-sources --dest-dir "$PWD/target/site"
cp -r $built/doc target/site/rust
# rustdoc's pages refer to one that it writes for several libraries.
echo '<!DOCTYPE html><title>numars</title><meta http-equiv="refresh" content="0; url=numars/index.html">' >target/site/rust/index.html
site check target/site
