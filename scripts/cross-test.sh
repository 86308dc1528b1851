#!/bin/sh
# Runs the C tests of other architectures on their emulated machines, and compares numars with their libnuma. It builds what it needs. The last
# line is `N passed, N failed`.
#   ARCH      architectures (arm64 i386 s390x)
#   TESTS     core: what `make test` runs
#             long: what `make test-long` runs: every C test on arm64 (with 4 KiB pages); elsewhere the tests of moving, policy, sets and messages, on
#             s390x, which has no NUMA, those of sets and messages; and parity with libnuma where it can run
#             all: every C test
#             (core)
# Example: make cross-test ARCH=riscv64 TESTS=long
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
# shellcheck source=scripts/emulated.sh
. scripts/emulated.sh
architectures=${ARCH:-arm64 i386 s390x}
tests=${TESTS:-core}
if [ "$tests" = core ]; then slower=6; else slower=16; fi

# Moving, policy and topology; how numars moves compared with the kernel.
moving="four-nodes/compared_with_kernel four-nodes/migrate_pages four-nodes/numa_move_pages four-nodes/numars_count_pages
    four-nodes/page_status four-nodes/policy"
# They take as long as all of these, so that `make test` leaves them out.
placing="four-nodes/numars_move_range four-nodes/numars_place"
# Sets, strings and messages, which need no NUMA.
sets="any/bitmask any/messages any/numars_parse any/own_messages any/status_string"

# programs ARCHITECTURE [KERNEL]: what their paths in tests-c begin with; nothing for all.
programs() {
    case $1:$tests:${2:-} in
    *:all:* | arm64:long: | arm64:long:6.12) ;;
    s390x:*) echo "$sets" ;;
    i386:long:*) echo "$moving $placing four-nodes/queries_with_32_bits gigantic-pages/sizes $sets" ;;
    arm64:long:*) echo "$moving $placing four-nodes/other_machines $sets" ;;
    arm64:*) echo "$moving four-nodes/other_machines $sets" ;;
    *:long:*) echo "$moving $placing $sets" ;;
    i386:*) echo "four-nodes/numa_move_pages four-nodes/page_status four-nodes/queries_with_32_bits gigantic-pages/sizes $sets" ;;
    *) echo "$sets" ;;
    esac
}

build() { # architecture
    selected=
    for program in $(programs "$1"); do
        for source in tests-c/"$program"*.c; do selected="$selected $(expr "$source" : 'tests-c/\(.*\)\.c')"; done
    done
    ARCH=$1 PACKAGES=no C_TESTS=$selected scripts/cross.sh
}

# Builds for all architectures at once, since much of a build takes one processor; compilers are fetched one after the other.
build_all() {
    for architecture in $architectures; do
        target/release/vm toolchain --arch "$architecture" >/dev/null || return
    done
    for architecture in $architectures; do
        { build "$architecture" 2>&1; echo $? >"$log.built.$architecture"; } >"$log.build.$architecture" &
    done
    wait
}

built() { # architecture
    cat "$log.build.$1"
    return "$(cat "$log.built.$1")"
}

# guest ARCHITECTURE KERNEL OPTIONS…
guest() {
    architecture=$1 kernel=$2
    shift 2
    out=target/cross/$architecture
    target/release/vm test --arch "$architecture" --kernel "$kernel" --jobs 2 --timeout 1200 --env "CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-$slower}" \
        --libraries "$out/stage/lib" "$@" "$out/tests-c"
}

# kernels ARCHITECTURE: those of its machine that are tested.
kernels() {
    kernel_of "$1"
    [ "$1:$tests" = arm64:core ] || [ "$1" != arm64 ] || echo 6.12-16k
}

run_tests() { # architecture kernel
    set -- "$1" "$2"
    [ "$(shape_of "$1")" = four-nodes ] || set -- "$@" --shape "$(shape_of "$1")"
    for program in $(programs "$1" "$2"); do set -- "$@" --filter "$program"; done
    # It takes as long as all others.
    [ "$tests" != core ] || set -- "$@" --skip "$2:numa_move_pages_concurrent"
    guest "$@"
}

parity() { # architecture
    (
        eval "$(target/release/vm toolchain --arch "$1")"
        # With this libnuma alone: Debian 12 has fewer architectures.
        unset TEST_SECONDS
        # The compiler of the tests is this machine's.
        unset RUSTC RUSTC_BOOTSTRAP CARGO_UNSTABLE_BUILD_STD TARGET AR
        # These machines have no ten nodes, and riscv64's no node without CPUs.
        set -- "$1" --skip thoroughly
        [ "$1" != riscv64 ] || set -- "$@" --skip gaps --skip memory_only --skip before_main
        name=$1
        shift
        NUMARS_TEST_ARCH=$name "$cargo" test --locked --no-fail-fast --manifest-path tests/Cargo.toml --package numars-tests --test parity -- --ignored "$@"
    )
}

# run_with FOLDER PROGRAM ARCHITECTURE: prints what a program prints with the libraries of a folder.
run_with() {
    target/release/vm run --arch "$3" --kernel "$(kernel_of "$3")" --shape "$(shape_of "$3")" --libraries "$1" -- "$2"
}

# A program linked with Debian's libnuma runs on numars, and the other way round. Its last line names the library.
exchange() { # architecture
    (
        eval "$(target/release/vm toolchain --arch "$1")"
        out=target/cross/$1 ours=target/cross/$1/stage/lib/numars theirs=$(dirname "$(find "$SYSROOT/usr/lib" -name libnuma.so.1)")
        "$CC" -o "$out/linked-with-libnuma" tests/programs/either_library.c -lnuma || return
        "$CC" -o "$out/linked-with-numars" tests/programs/either_library.c -L "$ours" -lnuma || return
        run_with "$theirs" "$out/linked-with-libnuma" "$1" >"$out/expected.out" || return
        for linked in libnuma numars; do
            for library in libnuma numars; do
                folder=$theirs
                [ "$library" = libnuma ] || folder=$ours
                run_with "$folder" "$out/linked-with-$linked" "$1" >"$out/printed.out" || return
                sed "\$s/.*/$library/" "$out/expected.out" | diff - "$out/printed.out" || return
            done
        done
    )
}

check "the libraries and the C tests" build_all
for architecture in $architectures; do
    check "the library and the C tests for $architecture" built "$architecture" || continue
    for kernel in $(kernels "$architecture"); do
        suite "C tests on $architecture, Linux $kernel" run_tests "$architecture" "$kernel"
    done
    [ "$tests" = core ] || check "programs linked with libnuma or numars run on either, on $architecture" exchange "$architecture"
    case $architecture:$tests in
    *:core | s390x:* | ppc64el:* | loong64:*) ;;
    *) check "parity with libnuma on $architecture" parity "$architecture" ;;
    esac
done
finish
