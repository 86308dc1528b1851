#!/bin/sh
# Builds the library for musl, runs the C tests of any machine with it, linked dynamically and statically, and programs that use it in each
# other way, on this machine. The last line is `N passed, N failed`. The harness (`make vm`) is built if it is not there.
#   CC                                     a C compiler for musl (musl-gcc)
#   RUSTC, TARGET, and others of cargo     a compiler that has the target, or can compile core for it: with RUSTC_BOOTSTRAP=1 and
#                                          CARGO_UNSTABLE_BUILD_STD=core
#   TEST_SECONDS                           if set, all programs are linked statically too, not only those that linking may change
#   FILTER                                 only programs of the C tests whose path starts with it, as any/bitmask
# Example: RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=core make musl-test
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
out=$PWD/target/musl
stage=$out/stage
compiler=${CC:-musl-gcc}
programs=$out/programs
mkdir -p "$out/include" "$programs/theirs"

# Programs that cannot be run. musl runs no .preinit_array, in which this one takes all descriptors away before the library is loaded.
except=no_descriptors_at_load
# musl has one name for malloc, so that a static program that replaces it cannot call it.
except_static="$except out_of_memory"
# What linking makes a difference to; all of them if TEST_SECONDS is set, as in `make test-long`.
linked_statically="any/bitmask any/errno_untouched any/initialization any/interposed_mmap any/messages any/move_structs any/numars_parse
    any/own_malloc any/own_messages any/policy_denied any/status_string any/wrapper_calls_back"
[ -z "${TEST_SECONDS:-}" ] || linked_statically=

build() {
    make --no-print-directory CC="$compiler" BUILD=target/musl/c STAGE="$stage" stage
}

# The wrapper musl-gcc finds neither the kernel's headers nor libcheck, of which Debian has an archive for glibc alone.
adapt_libcheck() {
    folder=$(gcc -print-multiarch)
    ln -sfn "/usr/include/$folder/asm" "$out/include/asm" &&
        for name in linux asm-generic check.h check_stdint.h; do ln -sfn "/usr/include/$name" "$out/include/$name" || return; done
    $compiler -O1 -Wall -Wextra -Werror -c -o "$out/libcheck_on_musl.o" tests/programs/libcheck_on_musl.c &&
        cat >"$stage/lib/pkgconfig/check.pc" <<PC
Name: check
Description: libcheck of Debian, linked with musl
Version: 0
Cflags: -isystem $out/include
Libs: $out/libcheck_on_musl.o /usr/lib/$folder/libcheck.a /usr/lib/$folder/libsubunit.a
PC
}

# c_tests OUT LIBRARY EXCEPT FLAGS [PROGRAMS]: compiles the programs and runs them. The request of musl's ioctl is an int, and the kernel's are larger.
c_tests() {
    make --no-print-directory -j2 -f tests-c/Makefile OUT="$1" STAGE="$stage" CC="$compiler" LIBRARY="$2" EXCEPT="$3" FLAGS="-Wno-overflow $4" \
        C_TEST_LIBRARIES= C_TESTS="${5:-$(cd tests-c && echo any/*.c | sed 's/\.c//g')}" &&
        LD_LIBRARY_PATH=$stage/lib target/release/vm test --host --jobs 2 ${FILTER:+--filter "$FILTER"} "$1/tests-c"
}

# compile NAME FLAGS…: the program on_any_libc.
compile() {
    name=$1
    shift
    $compiler -std=gnu11 -Wall -Wextra -Werror -O1 -o "$programs/$name" tests/programs/on_any_libc.c "$@"
}
flags() { # package
    PKG_CONFIG_PATH=$stage/lib/pkgconfig:$stage/lib/numars/pkgconfig pkg-config --cflags --libs "$1"
}

# prints_what_it_should LIBRARIES COMMAND…: what the program prints, and these files that it has libnuma from.
prints_what_it_should() {
    printf '%s\n' 'parsed 0 1 1' 'cpus 0 1' 'bound 1 1' 'interleaved 1' 'moved 0 0' 'run 0' 'affinity 1 0' >"$programs/expected"
    for library in $1; do echo "loaded $library" >>"$programs/expected"; done
    shift
    "$@" >"$programs/output" || return
    # The files are in the order of their addresses.
    for file in expected output; do sort -o "$programs/$file" "$programs/$file"; done
    diff "$programs/expected" "$programs/output"
}

# shellcheck disable=SC2046 # one word for each flag
linked_with_numars() {
    compile linked $(flags numars) &&
        prints_what_it_should "$stage/lib/libnumars.so.1.0.0" env LD_LIBRARY_PATH="$stage/lib" "$programs/linked"
}
# shellcheck disable=SC2046 # the same
linked_with_numa() {
    compile numa $(flags numa) && prints_what_it_should "$stage/lib/numars/libnuma.so.1.0.0" "$programs/numa"
}
# contains_the_archive FLAG…
contains_the_archive() {
    compile archive "-I$stage/include/numars" "$@" "$stage/lib/libnumars.a" && prints_what_it_should '' "$programs/archive"
}

# A program of another libnuma, whose functions do something else.
compile_for_theirs() {
    awk '$3 == "default" && $4 == "func" { print "int " $1 "(void) { return -1; }" }' symbols.tsv >"$programs/theirs.c" &&
        $compiler -w -shared -fPIC -o "$programs/theirs/libnuma.so.1" "$programs/theirs.c" -Wl,-soname,libnuma.so.1 &&
        compile theirs.program "-I$stage/include/numars" "-L$stage/lib/numars" -lnuma -Wl,-rpath,"$programs/theirs"
}
preloaded() {
    compile_for_theirs || return
    "$programs/theirs.program" >/dev/null
    [ $? = 77 ] || return
    # musl loads theirs too, because a preloaded file is not known by its SONAME, and binds every symbol to the first that has it.
    prints_what_it_should "$stage/lib/numars/libnuma.so.1.0.0 $programs/theirs/libnuma.so.1" \
        env LD_PRELOAD="$stage/lib/numars/libnuma.so.1" "$programs/theirs.program"
}
run_by_numars_run() {
    prints_what_it_should "$stage/lib/numars/libnuma.so.1.0.0" "$stage/bin/numars-run" "$programs/theirs.program" &&
        "$stage/bin/numars-run" --check "$programs/theirs.program" >"$programs/checked" &&
        grep -q 'numa_bind  *libnuma_1.2  *there' "$programs/checked" && ! grep -q MISSING "$programs/checked"
}
refused_by_numars_run() {
    message=$("$stage/bin/numars-run" target/release/vm 2>&1)
    [ $? = 125 ] && case $message in *"belongs to another C library than $stage/lib/numars/libnuma.so.1") ;; *) false ;; esac
}

# The compiler for musl may not have std.
[ -x target/release/vm ] || check "the harness" env -u RUSTC -u RUSTC_BOOTSTRAP -u CARGO_UNSTABLE_BUILD_STD make --no-print-directory vm
check "the library for musl" build
[ "$failed" = 0 ] || finish
if ! echo '#include <check.h>' | $compiler -E -x c - >/dev/null 2>&1; then
    check "libcheck on musl" adapt_libcheck
fi
suite "C tests on musl" c_tests "$out" target/musl/c/libnumars.so "$except" ''
suite "C tests on musl, linked statically" c_tests "$out/static" target/musl/c/libnumars.a "$except_static" -static "$linked_statically"
check "a program that asks pkg-config for numars" linked_with_numars
check "a program that asks pkg-config for numa" linked_with_numa
check "a static program" contains_the_archive -static
check "a program that contains the archive and uses the shared libc" contains_the_archive
check "a program that it is preloaded into" preloaded
check "a program that numars-run starts" run_by_numars_run
check "a program of glibc that numars-run does not start" refused_by_numars_run
finish
