#!/bin/sh
# Runs the C tests in the guest. `make vm-test` builds the programs and the harness, and then runs this.
#   KERNELS       kernels to run them on ("6.1 6.12")
#   FILTER        only programs whose path starts with it, as four-nodes/policy
#   SKIP          programs that are left out, as KERNEL:PREFIX-OF-PATH; by default what takes minutes, on one kernel or in the guest
#   TIMEOUT       seconds for a program (300)
#   TEST_SECONDS  how long the programs with many threads run
#   CK_TIMEOUT_MULTIPLIER  factor for the time limits of libcheck (3): the emulated machine is slow
# Example: make vm-test KERNELS=6.12 FILTER=four-nodes/policy
set -eu
cd "$(dirname "$0")/.."
kernels=${KERNELS:-6.1 6.12}

# skip KERNEL FOLDER NAME…
skip() {
    skip_from=$1:$2
    shift 2
    for name; do SKIP="$SKIP $skip_from/$name"; done
}

if [ -z "${SKIP+set}" ]; then
    # These shapes differ in what sysfs shows, which is the same on both kernels.
    SKIP="6.1:shared-cpus/ 6.1:devices/ 6.1:eight-nodes/ 6.1:many-nodes/ 6.1:memory-only-node/ 6.1:node-without-memory/"
    skip 6.1 four-nodes compared_with_kernel numa_move_pages_concurrent numars_move_ adversary arrays_of_any_memory holes large_folios \
        move_limits moves_while_kernel_is_busy split_huge_pages progress_of_huge_pages several_batches swap_and_memory_limits user_namespaces
    skip 6.1 four-nodes pages_in_flight process_changes process_identity numars_alloc numars_place placement_documented full_node progress
    skip 6.1 removable-memory moves_while_memory_goes
    skip 6.1 any progress
    skip 6.12 four-nodes large_folios moves_while_kernel_is_busy split_huge_pages swap_and_memory_limits progress_of_huge_pages \
        several_batches move_limits example_gently numa_move_pages_concurrent pages_in_flight
    for kernel in $kernels; do
        SKIP="$SKIP $kernel:gigantic-pages/"
        skip "$kernel" any bad_input errno_after_failed_calls huge_sets threads_and_processes hash_collisions bad_sysfs \
            out_of_memory missing_sources many_threads log_files move_structs
        # They need nothing of the guest, and run on this machine.
        skip "$kernel" any bitmask fault_injection log messages numars_parse odd_machine_files own_messages policy_denied status_string
    done
fi

# Two guests at a time: most tests keep one processor busy.
set -- --jobs 2 --timeout "${TIMEOUT:-300}" --env "CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-3}"
for kernel in $kernels; do set -- "$@" --kernel "$kernel"; done
for skipped in $SKIP; do set -- "$@" --skip "$skipped"; done
[ -z "${FILTER:-}" ] || set -- "$@" --filter "$FILTER"
[ -z "${TEST_SECONDS:-}" ] || set -- "$@" --env "TEST_SECONDS=$TEST_SECONDS"
LD_LIBRARY_PATH=$PWD/target/stage/lib exec target/release/vm test "$@" target/tests-c
