#!/bin/sh
# Builds the command numars as one static file that needs nothing else: it works when it is copied into an empty container. Into
# target/cli-static/numars for amd64, and into target/cli-static/ARCH/numars for others. Rust's library for musl is compiled from the source
# that the guest harness fetches; amd64's is linked by Debian's musl-gcc (package musl-tools), others by the compiler that is fetched too.
#   ARCH   amd64 or arm64 (amd64)
# Example: make static-cli ARCH=arm64
set -eu
cd "$(dirname "$0")/.."
architecture=${ARCH:-amd64}
case $architecture in
amd64)
    folder=$PWD/target/cli-static
    set -- --rust-only
    ;;
arm64)
    folder=$PWD/target/cli-static/$architecture
    set --
    ;;
*)
    echo "static-cli.sh: ARCH is $architecture: there is a musl for amd64 and arm64 here" >&2
    exit 1
    ;;
esac
mkdir -p "$folder"
[ "$architecture" != amd64 ] || command -v musl-gcc >/dev/null || {
    echo "static-cli.sh: musl-gcc is not installed: sudo apt-get install musl-tools" >&2
    exit 1
}

settings=$(target/release/vm toolchain --arch "musl-$architecture" "$@")
eval "$settings"
[ "$architecture" != amd64 ] || CC=musl-gcc AR=ar READELF=readelf
# The harness builds only core; a command needs std.
unset CARGO_UNSTABLE_BUILD_STD
# std prints a trace of calls when it panics, with functions of an unwinder, which musl lacks. These say that there are no calls.
cat >"$folder/unwind.c" <<'END'
int _Unwind_Backtrace(void *trace, void *argument) { (void)trace; (void)argument; return 5; }
unsigned long _Unwind_GetIP(void *context) { (void)context; return 0; }
END
"$CC" -O1 -c "$folder/unwind.c" -o "$folder/unwind.o"
rm -f "$folder/libunwind.a"
"$AR" rc "$folder/libunwind.a" "$folder/unwind.o"
# clang would link with start files of libgcc, which run constructors of C++, too. Those of musl are enough.
start=
if [ "$architecture" != amd64 ]; then
    start=-Clink-arg=-nostartfiles
    for name in crt1.o crti.o crtn.o; do start="$start -Clink-arg=$(find "$SYSROOT" -name $name | head -n 1)"; done
fi
# A panic ends the command anyway. Without unwinding, it needs no library for it. musl-gcc does not link position-independent static programs.
CARGO_TARGET_DIR="$folder/build" CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-Clinker=$CC -Clink-self-contained=no -Crelocation-model=static -Lnative=$folder $start" \
    cargo build --quiet --release --locked --manifest-path crates/numars-cli/Cargo.toml --target "$TARGET" \
    -Zbuild-std=std,panic_abort -Zbuild-std-features=

cp "$folder/build/$TARGET/release/numars" "$folder/numars"
if "$READELF" --wide --program-headers "$folder/numars" | grep -q INTERP; then
    echo "static-cli.sh: $folder/numars is not static" >&2
    exit 1
fi
ls -l "$folder/numars"
