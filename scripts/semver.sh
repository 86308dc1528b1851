#!/bin/sh
# Checks with cargo-semver-checks that the Rust library breaks no program that was written for an earlier version of the same number. Installs it
# into target/tools if there is none.
#   BASELINE   a commit to compare with (the newest tag v*; without one, nothing is compared: see crates/numars/public-api.txt)
# Example: make semver BASELINE=v0.1.0
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
baseline=${BASELINE:-$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)}
if [ -z "$baseline" ]; then
    echo "skipped: nothing has been released that the Rust library could be compared with"
    exit
fi
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-semver-checks >/dev/null ||
    "$cargo" install --quiet --locked cargo-semver-checks --version 0.51.0 --root target/tools --target-dir target/semver-build
# Only the crate: the unit tests' package has its name.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive "$baseline" crates/numars | tar -x -C "$folder"
"$cargo" semver-checks --manifest-path crates/numars/Cargo.toml --baseline-root "$folder/crates/numars" --only-explicit-features \
    --features std,serde,allocator-api2
