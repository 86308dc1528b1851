# shellcheck shell=sh
# Settings for a static Rust program for musl, for scripts to source. Rust's library for musl is compiled from the source that the guest harness
# fetches; programs for amd64 are linked by Debian's musl-gcc (package musl-tools), others by the compiler that is fetched too.

# use_static_musl ARCHITECTURE FOLDER: exports what make and cargo need; FOLDER is for files that the linker needs. cargo also needs the
# arguments $static_std.
use_static_musl() {
    mkdir -p "$2"
    case $1 in
    amd64)
        command -v musl-gcc >/dev/null || {
            echo "$0: musl-gcc is not installed: sudo apt-get install musl-tools" >&2
            exit 1
        }
        rust_only=--rust-only
        ;;
    arm64) rust_only= ;;
    *)
        echo "$0: ARCH is $1: there is a musl for amd64 and arm64 here" >&2
        exit 1
        ;;
    esac
    # shellcheck disable=SC2086 # one word or none
    settings=$(target/release/vm toolchain --arch "musl-$1" $rust_only)
    eval "$settings"
    if [ "$1" = amd64 ]; then
        CC=musl-gcc AR=ar READELF=readelf
        export CC AR READELF
    fi
    # std prints a trace of calls when it panics, with functions of an unwinder, which musl lacks. These say that there are no calls.
    cat >"$2/unwind.c" <<'END'
int _Unwind_Backtrace(void *trace, void *argument) { (void)trace; (void)argument; return 5; }
unsigned long _Unwind_GetIP(void *context) { (void)context; return 0; }
unsigned long _Unwind_GetCFA(void *context) { (void)context; return 0; }
void *_Unwind_FindEnclosingFunction(void *address) { (void)address; return 0; }
END
    "$CC" -O1 -c "$2/unwind.c" -o "$2/unwind.o"
    rm -f "$2/libunwind.a"
    "$AR" rc "$2/libunwind.a" "$2/unwind.o"
    # clang would link with start files of libgcc, which run constructors of C++, too. Those of musl are enough.
    start=
    if [ "$1" != amd64 ]; then
        start=-Clink-arg=-nostartfiles
        for name in crt1.o crti.o crtn.o; do start="$start -Clink-arg=$(find "$SYSROOT" -name $name | head -n 1)"; done
    fi
    # A panic ends the program anyway. Without unwinding, it needs no library for it. musl-gcc does not link position-independent static
    # programs.
    export CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_STRIP=symbols
    static_flags="-Clinker=$CC -Clink-self-contained=no -Crelocation-model=static -Lnative=$2 $start"
    # The harness builds only core; a program needs std.
    static_std="-Zbuild-std=std,panic_abort -Zbuild-std-features="
}
