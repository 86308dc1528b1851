#!/bin/sh
# Moves the pages of a database and of a program with changing memory without a break, in the guest, while memory goes offline and online and the
# cpuset changes. `make soak` builds what it needs, and then runs this.
#   SOAK_SECONDS   how long (600)
# Example: make soak SOAK_SECONDS=3600
set -eu
cd "$(dirname "$0")/.."
exec "${CARGO:-cargo}" test --locked --manifest-path tests/Cargo.toml --package numars-tests --test soak -- --ignored --nocapture
