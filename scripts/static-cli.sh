#!/bin/sh
# Builds the command numars as one static file that needs nothing else: it works when it is copied into an empty container. Into
# target/cli-static/numars for amd64, and into target/cli-static/ARCH/numars for others. It is compiled for musl: scripts/static-musl.sh.
#   ARCH   amd64 or arm64 (amd64)
# Example: make static-cli ARCH=arm64
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/static-musl.sh
. scripts/static-musl.sh
architecture=${ARCH:-amd64}
folder=$PWD/target/cli-static
[ "$architecture" = amd64 ] || folder=$folder/$architecture
use_static_musl "$architecture" "$folder"
unset CARGO_UNSTABLE_BUILD_STD
# shellcheck disable=SC2086 # several arguments
CARGO_TARGET_DIR="$folder/build" RUSTFLAGS=$static_flags \
    cargo build --quiet --release --locked --manifest-path crates/numars-cli/Cargo.toml --target "$TARGET" $static_std

cp "$folder/build/$TARGET/release/numars" "$folder/numars"
if "$READELF" --wide --program-headers "$folder/numars" | grep -q INTERP; then
    echo "static-cli.sh: $folder/numars is not static" >&2
    exit 1
fi
ls -l "$folder/numars"
