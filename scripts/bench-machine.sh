#!/bin/sh
# Builds what measures page moves on a real machine with two or more nodes: a static program and a script, in target/bench-machine-MACHINE and
# as target/bench-machine-MACHINE.tar.gz. On that machine, where nothing else is needed: `sh bench-machine.sh --help`. `make bench-machine`
# builds the library, and then runs this.
#   ARCH   amd64 or arm64: for such a machine, with musl (this machine's, with its C library)
# Example: make bench-machine ARCH=arm64
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/static-musl.sh
. scripts/static-musl.sh
stage=$PWD/target/stage static_std=
static_flags=-Ctarget-feature=+crt-static
if [ -n "${ARCH:-}" ]; then
    out=$PWD/target/cross/musl-$ARCH
    stage=$out/stage
    use_static_musl "$ARCH" "$out"
    make --no-print-directory --silent stage BUILD="target/cross/musl-$ARCH/c" STAGE="$stage"
    unset CARGO_UNSTABLE_BUILD_STD
    machine=${TARGET%%-*}
else
    machine=$(uname -m)
    TARGET=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
fi
objects=$PWD/target/bench/$TARGET folder=target/bench-machine-$machine
mkdir -p "$objects"

# The measuring programs, each with another name for main().
for name in moves pauses calls; do
    "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -g -O2 -pthread -I"$stage/include/numars" -Dmain=measure_$name \
        -c -o "$objects/$name.o" bench/$name.c
done
rm -f "$objects/libmeasuring.a"
(cd "$objects" && "${AR:-ar}" rc libmeasuring.a moves.o pauses.o calls.o)

version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
commit=$(git rev-parse --short HEAD 2>/dev/null || true)
# shellcheck disable=SC2086 # several arguments
NUMARS_BENCH_VERSION="$version${commit:+ ($commit)}" "${CARGO:-cargo}" rustc --quiet --locked --release --manifest-path tests/Cargo.toml \
    --target-dir target --target "$TARGET" $static_std --package numars-bench --bin numars-bench --features measuring -- \
    $static_flags -Cstrip=symbols -Lnative="$objects" -Lnative="$stage/lib" -lstatic=measuring -lstatic=numars

rm -rf "$folder"
mkdir -p "$folder"
cp "target/$TARGET/release/numars-bench" "$folder/numars-bench"
sed "s/@MACHINE@/$machine/" bench/bench-machine.sh >"$folder/bench-machine.sh"
chmod +x "$folder/bench-machine.sh"
if "${READELF:-readelf}" --wide --program-headers "$folder/numars-bench" | grep -q INTERP; then
    echo "bench-machine.sh: $folder/numars-bench is not static" >&2
    exit 1
fi
tar -C target -czf "$folder.tar.gz" "${folder##*/}"
echo "Copy $folder.tar.gz to the machine, unpack it there, and run: sh ${folder##*/}/bench-machine.sh"
