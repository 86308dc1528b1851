#!/bin/sh
# Builds the command numars as one static file that needs nothing else, target/cli-static/numars: it works when it is copied into an empty
# container. Rust's library for musl is compiled from the source that the guest harness fetches, with Debian's musl-gcc (package musl-tools).
# On amd64.
# Example: make static-cli
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/target/cli-static
mkdir -p "$folder"
command -v musl-gcc >/dev/null || {
    echo "static-cli.sh: musl-gcc is not installed: sudo apt-get install musl-tools" >&2
    exit 1
}

settings=$(target/release/vm toolchain --arch musl-amd64 --rust-only)
eval "$settings"
# The harness builds only core; a command needs std.
unset CARGO_UNSTABLE_BUILD_STD
# std prints a trace of calls when it panics, with functions of an unwinder, which musl lacks. These say that there are no calls.
cat >"$folder/unwind.c" <<'END'
int _Unwind_Backtrace(void *trace, void *argument) { (void)trace; (void)argument; return 5; }
unsigned long _Unwind_GetIP(void *context) { (void)context; return 0; }
END
musl-gcc -O1 -c "$folder/unwind.c" -o "$folder/unwind.o"
rm -f "$folder/libunwind.a"
ar rc "$folder/libunwind.a" "$folder/unwind.o"
# A panic ends the command anyway. Without unwinding, it needs no library for it. musl-gcc does not link position-independent static programs.
CARGO_TARGET_DIR="$folder/build" CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-Clinker=musl-gcc -Clink-self-contained=no -Crelocation-model=static -Lnative=$folder" \
    cargo build --quiet --release --locked --manifest-path crates/numars-cli/Cargo.toml --target x86_64-unknown-linux-musl \
    -Zbuild-std=std,panic_abort -Zbuild-std-features=

cp "$folder/build/x86_64-unknown-linux-musl/release/numars" "$folder/numars"
if readelf --wide --program-headers "$folder/numars" | grep -q INTERP; then
    echo "static-cli.sh: $folder/numars is not static" >&2
    exit 1
fi
ls -l "$folder/numars"
