#!/bin/sh
# Builds the fuzz targets with libFuzzer and AddressSanitizer, and runs them.
#   FUZZ_TARGETS   which ones (all of fuzz/fuzz_targets)
#   FUZZ_SECONDS   how long each runs (1200)
# Usage: fuzz.sh build|run|seeds
#   run     what is found beyond the seeds is kept in target/fuzz/corpus, failures in target/fuzz/found
#   seeds   adds to fuzz/seeds the inputs of target/fuzz/corpus that reach a branch which no other does: few enough to be read, and to
#           be replayed by `make test`
# Example: make fuzz FUZZ_TARGETS=nodestring FUZZ_SECONDS=60
set -eu
cd "$(dirname "$0")/.."
host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
targets=${FUZZ_TARGETS:-$(cd fuzz/fuzz_targets && echo *.rs | sed 's/\.rs//g')}
built=target/fuzz/$host/release

scripts/setup.sh test
# A stable rustc accepts the sanitizer with RUSTC_BOOTSTRAP=1. The coverage options are those of cargo fuzz.
coverage=-Cllvm-args=-sanitizer-coverage-
RUSTC_BOOTSTRAP=1 RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
    ${coverage}level=4 ${coverage}inline-8bit-counters ${coverage}pc-table ${coverage}trace-compares" \
    "${CARGO:-cargo}" build --quiet --locked --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --target "$host"

for target in $targets; do
    case $1 in
    run)
        echo "--- $target"
        mkdir -p "target/fuzz/corpus/$target" target/fuzz/found
        "$built/$target" -max_total_time="${FUZZ_SECONDS:-1200}" -timeout=10 -max_len=4096 -print_final_stats=1 \
            -artifact_prefix="target/fuzz/found/$target-" "target/fuzz/corpus/$target" "fuzz/seeds/$target"
        ;;
    seeds) "$built/$target" -set_cover_merge=1 -use_counters=0 -use_cmp=0 "fuzz/seeds/$target" "target/fuzz/corpus/$target" ;;
    esac
done
