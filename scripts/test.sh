#!/bin/sh
# Runs every check. The last line is `N passed, N failed`. As root on Debian it installs the packages that it needs.
#   VM=no          leaves out what needs the guest
#   KERNELS        kernels of the guest ("6.1 6.12")
#   TEST_SECONDS   how long the programs with many threads run. If it is set, what takes minutes runs too: debug assertions, ThreadSanitizer,
#                  memcheck and AddressSanitizer, the whole comparison with libnuma, all programs of docs/programs.md, the commands of README.md, the
#                  Debian packages and those of packaging/, and the library preloaded into every program of a Debian tree (scripts/test-long.sh)
# Example: make test VM=no
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh

. scripts/counting.sh
kernels=${KERNELS:-6.1 6.12}
parity='--skip thoroughly --skip an_old_kernel --skip on_pain_of_death' programs='--exact numactl numactl_accepts_names_of_nodes' command='--skip databases'
[ -z "${TEST_SECONDS:-}" ] || parity='' programs='' command=''
lint() { # manifest arguments…
    manifest=$1
    shift
    "$cargo" clippy --quiet --locked --manifest-path "$manifest" "$@" -- --deny warnings
}

draws_the_map() {
    make --no-print-directory demo >target/demo.out
    demo=$?
    cat target/demo.out
    rows() { # digits
        grep -c "^[0-9a-f]*  \($1\)*$" target/demo.out
    }
    # 512 pages on the first node, on all in turn, on the last one: 8 rows each, and smaller mappings.
    [ "$demo" = 0 ] && [ "$(rows 0000000000000000)" = 8 ] && [ "$(rows 0123012301230123)" = 8 ] && [ "$(rows 3333333333333333)" = 8 ]
}

# The fetched compiler has the source of core, and so every target.
on_musl() (
    eval "$(target/release/vm toolchain --arch musl-amd64 --rust-only)" && make --no-print-directory musl-test
)

# The static command for arm64 shows the nodes of its guest, and moves all memory of init, with the pages that init shares.
static_on_arm64() {
    make --no-print-directory static-cli ARCH=arm64 || return
    for command in nodes "move 1 --to 2 --shared-pages"; do
        # shellcheck disable=SC2086 # words
        target/release/vm run --arch arm64 --kernel 6.12 --shape four-nodes -- target/cli-static/arm64/numars $command || return
    done
}

# Nothing below works without.
make --no-print-directory rust || exit
check "packages" scripts/setup.sh test
check "formatting" "$cargo" fmt --all --check
check "formatting: the tests and tools" "$cargo" fmt --manifest-path tests/Cargo.toml --all --check
check "formatting: the fuzz targets" "$cargo" fmt --manifest-path fuzz/Cargo.toml --check
check "formatting: the command" "$cargo" fmt --manifest-path crates/numars-cli/Cargo.toml --check
check "formatting: programs that use the Rust library" "$cargo" fmt --manifest-path tests/rust/Cargo.toml --check
suite "lock files" scripts/supply.sh lock-files
check "clippy: the C library" lint Cargo.toml --package libnumars
check "clippy: the C library without versions" lint Cargo.toml --package libnumars --no-default-features
check "clippy: the Rust library" lint Cargo.toml --package numars
check "clippy: the Rust library with its features" lint Cargo.toml --package numars --features std,allocator-api2,serde --lib --examples
check "documentation of the Rust library" env RUSTDOCFLAGS="--deny warnings" "$cargo" doc --quiet --locked --no-deps --package numars \
    --features std,allocator-api2,serde
check "documentation of the Rust library without features" env RUSTDOCFLAGS="--deny warnings" "$cargo" doc --quiet --locked --no-deps \
    --package numars
check "clippy: the unit tests" lint tests/Cargo.toml --package numars --package libnumars --lib --profile test
check "clippy: the tests of the built library" lint tests/Cargo.toml --package numars-tests --all-targets
check "clippy: the guest's harness" lint tests/Cargo.toml --package numars-vm --all-targets
check "clippy: the benchmark" lint tests/Cargo.toml --package numars-bench --all-targets
check "clippy: the site's tool" lint tests/Cargo.toml --package numars-site --all-targets
check "clippy: programs that use the Rust library" lint tests/rust/Cargo.toml --target-dir target/rust-uses --all-targets
rust_tests "the Rust library's unit tests" --package numars --lib
rust_tests "the C library's unit tests" --package libnumars --lib
workspace=.
rust_tests "examples of the Rust library" --doc --package numars --features std,allocator-api2,serde
workspace=tests/rust
rust_tests "programs that use the Rust library, on this machine" --release --target-dir target/rust-uses
workspace=crates/numars-cli
rust_tests "the command" --target-dir target/cli
workspace=
rust_tests "the guest harness's unit tests" --package numars-vm
rust_tests "the benchmark's unit tests" --package numars-bench
rust_tests "the site's tool" --package numars-site
rust_tests "headers, symbols, linking, machines" --package numars-tests
check "the C tests compile" make --no-print-directory c-tests
suite "C tests on this machine" make --no-print-directory host-test
# The library is built for the others below.
not_built='musl-arm64 ppc64el riscv64 loong64 armhf'
[ -z "${TEST_SECONDS:-}" ] && [ "${VM:-}" != no ] || not_built=
suite "other architectures" make --no-print-directory cross-check ARCH="$not_built"
suite "musl" on_musl
if [ -n "${TEST_SECONDS:-}" ]; then
    rust_tests "settings of the compiler, the release archive, cargo-c" --package numars-tests --test install -- --ignored
    suite "C tests on a library with debug assertions" make --no-print-directory debug-test
    check "clippy: the command" lint crates/numars-cli/Cargo.toml --target-dir target/cli --all-targets
    check "the command as one static file" make --no-print-directory static-cli
    [ "${VM:-}" = no ] || check "the command as one static file for arm64" static_on_arm64
    check "no data race" make --no-print-directory races
    suite "memcheck" make --no-print-directory memcheck
    suite "AddressSanitizer" make --no-print-directory sanitize
    check "the site" make --no-print-directory site
    suite "the interface compared with others" make --no-print-directory abi
    suite "licences and origin of files and crates" make --no-print-directory supply
    check "lists of the crates" make --no-print-directory sbom
    suite "the commands of README.md" make --no-print-directory readme-test
    suite "Debian packages" make --no-print-directory deb-test
    suite "clean root folders" make --no-print-directory roots-test
    suite "packages of other systems" make --no-print-directory packaging-test
    suite "preloaded into everything" make --no-print-directory everywhere-test
fi
if [ "${VM:-}" = no ]; then
    echo "VM=no: the tests of pages moving between nodes did not run."
else
    # shellcheck disable=SC2086 # two words or none
    rust_tests "parity with libnuma in the guest" --package numars-tests --test parity -- --ignored $parity
    rust_tests "programs that use the Rust library, on four nodes" --package numars-tests --test rust_interface -- --ignored
    # shellcheck disable=SC2086 # the same
    rust_tests "programs of Debian's packages" --package numars-tests --test real_programs -- --ignored --test-threads 2 $programs
    # shellcheck disable=SC2086 # the same
    rust_tests "the command in guests" --package numars-tests --test command -- --ignored --test-threads 2 $command
    if [ -n "${TEST_SECONDS:-}" ]; then
        rust_tests "measuring page moves on real machines" --package numars-tests --test bench_machine -- --ignored --test-threads 1
        check "moved without a break" env SOAK_SECONDS="$TEST_SECONDS" make --no-print-directory soak
        suite "AddressSanitizer in the guest" make --no-print-directory sanitize-vm
        suite "debug assertions in the guest" make --no-print-directory debug-vm-test
        suite "other architectures, emulated" make --no-print-directory cross-test ARCH="arm64 riscv64 ppc64el s390x i386 armhf" TESTS=long \
            CK_TIMEOUT_MULTIPLIER=
        check "packages for other architectures" make --no-print-directory cross
        check "the oldest Rust" make --no-print-directory msrv
        check "versions of the Rust library" make --no-print-directory semver
    else
        suite "other architectures, emulated" make --no-print-directory cross-test
    fi
    suite "C tests in the guest" make --no-print-directory vm-test KERNELS="$kernels"
    check "the demo" draws_the_map
    [ -z "${TEST_SECONDS:-}" ] || check "the benchmark runs" make --no-print-directory bench BENCH=--quick
fi
finish
