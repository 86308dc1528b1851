#!/bin/sh
# Compiles the Rust library with the rustc of Debian 13, the oldest version that it promises to work with (rust-version in its Cargo.toml). It
# is unpacked below target/vm; nothing is installed.
# Example: make msrv
set -eu
cd "$(dirname "$0")/.."
suite=trixie
root=$(target/release/vm packages "$suite" rustc libstd-rust-dev)
folder=$root/usr/lib/x86_64-linux-gnu
rustc=target/msrv/rustc
mkdir -p target/msrv
printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" --sysroot "%s" "$@"\n' \
    "$folder/ld-linux-x86-64.so.2" "$folder" "$root/usr/bin/rustc" "$root/usr" >"$rustc"
chmod +x "$rustc"
promised=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' crates/numars/Cargo.toml)
case $("$rustc" --version) in
"rustc $promised."*) ;;
*)
    echo "Debian $suite has $("$rustc" --version), but crates/numars promises Rust $promised." >&2
    exit 1
    ;;
esac
for features in "" std,serde,allocator-api2; do
    RUSTC=$PWD/$rustc ${CARGO:-cargo} check --quiet --locked --package numars --lib --examples --features "$features" --target-dir target/msrv
done
