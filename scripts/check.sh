#!/bin/sh
# Runs the checks that need no root, no network and no guest, and change nothing outside of target: what a packager runs after make. It
# needs cargo, cc and pkg-config, and for the C tests libcheck. What cannot run because a tool is missing is listed as skipped, with the
# Debian package to install. The last line is `N passed, N failed`. `make test` runs everything.
# Example: make check
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
export CARGO_NET_OFFLINE=true
PATH=$PATH:/usr/sbin:/sbin

# Arguments of the test programs: tests that are left out.
left_out=''
# without TEST… REASON: leaves out tests of tests/*.rs.
without() {
    while [ $# -gt 1 ]; do
        left_out="$left_out --skip $1"
        for reason; do :; done
        skip "$1" "$reason"
        shift
    done
}

has() { # command…
    for command; do command -v "$command" >/dev/null || return; done
}

make --no-print-directory rust || exit
check "the library builds" make --no-print-directory stage

# These build the library several times more.
without plain_cargo_build_makes_the_same_library make_builds_the_same_library_with_every_linker \
    only_code_is_executable_whichever_linker_links_it "only in make test, since it builds the library again"
# Flags of a distribution and the path of the library add to it.
without loading_costs_less_than_a_third_of_what_libnuma_costs "only in make test, since it depends on the linker's flags"
# Its program includes the header of the C tests.
"${PKG_CONFIG:-pkg-config}" --exists check ||
    without constructors_and_destructors_of_libraries_before_and_after_it_can_call_every_function "install check libsubunit-dev"
has g++ || without the_headers_work_in_cxx_programs "install g++"
has g++ clang clang++ || without the_headers_compile_in_any_order_in_every_c_and_cxx_without_a_warning \
    the_initializers_initialize_objects_of_every_kind_in_every_c_and_cxx_without_a_warning \
    the_kernels_header_may_come_before_or_after a_program_may_define_the_constants_itself "install g++ clang"
has ld.gold mold ld.lld || without relocated_data_is_read_only_whichever_linker_links_it the_archive_links_with_every_linker \
    a_statically_linked_program_may_define_the_weak_functions_itself "install binutils mold lld"
has musl-gcc || without a_library_that_contains_a_c_library_or_is_linked_with_that_of_another_target_is_refused \
    a_c_compiler_for_musl_selects_the_target_and_the_folder_of_libraries "install musl-tools"
if ! echo 'int main(void) { return 0; }' | ${CC:-cc} -x c - -o /dev/null -lnuma 2>/dev/null; then
    without a_program_built_with_libnumas_headers_runs_on_numars a_program_built_with_our_headers_runs_on_libnuma \
        programs_of_libnumas_first_version_compile_and_run_as_with_libnuma preloading_the_flavour_keeps_libnuma_out_of_the_process \
        "install libnuma-dev"
fi
if ! has ldconfig || ! ldconfig -p | grep -q 'libnuma\.so\.1 '; then
    without every_symbol_of_libnuma_is_there_with_libnumas_version loading_is_silent_and_takes_a_handful_of_system_calls \
        "install libnuma1"
elif ! has strace; then
    without loading_is_silent_and_takes_a_handful_of_system_calls "install strace"
fi

has mandoc || without the_pages_are_well_formed "install mandoc"
has man || without man_finds_the_page_of_each_symbol "install man-db"

host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
if "$cargo" metadata --locked --format-version 1 --filter-platform "$host" --manifest-path tests/Cargo.toml >/dev/null 2>&1; then
    rust_tests "the Rust library's unit tests" --quiet --package numars --lib
    rust_tests "the C library's unit tests" --quiet --package libnumars --lib
    workspace=.
    rust_tests "examples of the Rust library" --quiet --doc --package numars --features std,allocator-api2,serde
    workspace=
    # shellcheck disable=SC2086 # one word for each
    rust_tests "headers, symbols, linking, machines, manual" --quiet --package numars-tests --test headers --test docs --test library \
        --test linking --test loading --test machines --test devices --test manual -- $left_out
    if "${PKG_CONFIG:-pkg-config}" --exists check; then
        suite "C tests on this machine" make --no-print-directory host-test
    else
        skip "the C tests" "install check libsubunit-dev"
    fi
else
    skip "all tests in Rust" "fetch their crates: cargo fetch --locked --manifest-path tests/Cargo.toml"
    if "${PKG_CONFIG:-pkg-config}" --exists check; then
        # Without the harness, which is in Rust, one after the other.
        programs=$(cd tests-c && echo any/*.c | sed 's/\.c//g')
        check "the C tests compile" make --no-print-directory -j2 -f tests-c/Makefile C_TESTS="$programs"
        for program in $programs; do
            check "tests-c/$program.c" env LD_LIBRARY_PATH="$PWD/target/stage/lib" "target/tests-c/$program"
        done
    else
        skip "the C tests" "install check libsubunit-dev"
    fi
fi
finish
