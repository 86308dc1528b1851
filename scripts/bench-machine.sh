#!/bin/sh
# Builds what measures page moves on a real machine with two or more nodes: a static program and a script, in target/bench-machine-MACHINE and
# as target/bench-machine-MACHINE.tar.gz. On that machine, where nothing else is needed: `sh bench-machine.sh --help`. `make bench-machine`
# builds the library, and then runs this.
# Example: make bench-machine
set -eu
cd "$(dirname "$0")/.."
machine=$(uname -m)
target=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
objects=$PWD/target/bench/$target
folder=target/bench-machine-$machine
mkdir -p "$objects"

# The measuring programs, each with another name for main().
for name in moves pauses calls; do
    "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -g -O2 -pthread -Itarget/stage/include/numars -Dmain=measure_$name \
        -c -o "$objects/$name.o" bench/$name.c
done
rm -f "$objects/libmeasuring.a"
(cd "$objects" && "${AR:-ar}" rcsD libmeasuring.a moves.o pauses.o calls.o)

version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
commit=$(git rev-parse --short HEAD 2>/dev/null || true)
NUMARS_BENCH_VERSION=$version${commit:+ ($commit)} "${CARGO:-cargo}" rustc --quiet --locked --release --manifest-path tests/Cargo.toml \
    --target-dir target --target "$target" --package numars-bench --bin numars-bench --features measuring -- \
    -Ctarget-feature=+crt-static -Cstrip=symbols -L native="$objects" -L native="$PWD/target/stage/lib" -l static=measuring -l static=numars

rm -rf "$folder"
mkdir -p "$folder"
cp "target/$target/release/numars-bench" "$folder/numars-bench"
sed "s/@MACHINE@/$machine/" bench/bench-machine.sh >"$folder/bench-machine.sh"
chmod +x "$folder/bench-machine.sh"
if "${READELF:-readelf}" --wide --program-headers "$folder/numars-bench" | grep -q INTERP; then
    echo "bench-machine.sh: $folder/numars-bench is not static" >&2
    exit 1
fi
tar -C target -czf "$folder.tar.gz" "${folder##*/}"
echo "Copy $folder.tar.gz to the machine, unpack it there, and run: sh ${folder##*/}/bench-machine.sh"
