#!/bin/sh
# Runs every check as `make test` does, all of it and longer, on every kernel, also the oldest and the newest.
#   KERNELS   kernels of `make test` ("6.1 6.12"); the oldest and the newest are added
# Example: make test-long
set -eu
cd "$(dirname "$0")/.."
# The oldest kernel that Debian still has. It reports pages that did not move, and pages that are listed twice, in other ways than newer
# ones: the programs that assert those, or compare moves with the bare call, do not run on it.
oldest=5.10
skip=
for name in compared_with_kernel numa_move_pages numars_move_pages page_kinds page_status pinned_pages; do
    skip="$skip $oldest:four-nodes/$name"
done
# In each system call that this program makes to fail, two threads wake each other: on the emulated machine that exceeds its time limit. It runs
# on this machine, and there on the older kernels.
for kernel in 6.12 newest; do skip="$skip $kernel:any/errno_after_failed_calls"; done
KERNELS="$oldest ${KERNELS:-6.1 6.12} newest" SKIP=$skip TEST_SECONDS=60 CK_TIMEOUT_MULTIPLIER=8 TIMEOUT=1200 exec scripts/test.sh
