# shellcheck shell=sh
# Counts passed and failed checks for the scripts that source this; the last line they print is `N passed, N failed`. They are in the
# top folder then.
# Example: . scripts/counting.sh; check "formatting" cargo fmt --check; finish

cargo=${CARGO:-cargo}
log=$(mktemp)
trap 'rm -f "$log" "$log".*' EXIT
: >"$log.failures"
passed=0 failed=0 skipped=''

count() { # passed failed
    passed=$((passed + $1)) failed=$((failed + $2))
}

# Runs a command, shows what it prints and how long it took, and keeps its output in the log.
run() {
    start=$(date +%s)
    { "$@" 2>&1; echo $? >"$log.status"; } | tee "$log"
    status=$(cat "$log.status")
    echo "    ($(($(date +%s) - start)) s)"
    grep '^FAIL \|^FAILED: \|^test .* \.\.\. FAILED$' "$log" >>"$log.failures"
    return "$status"
}

# fail WHAT: notes what failed, for the end of the output.
fail() {
    echo "FAILED: $1" | tee -a "$log.failures"
}

# check WHAT COMMAND…: one check, judged by the command's exit status.
check() {
    what=$1
    shift
    echo "--- $what"
    if run "$@"; then count 1 0; else count 0 1 && fail "$what"; fi
}

# Adds the counts that a log reports. A command that failed without a failed test counts as a failure, and so does one that ran no test
# unless it prints why.
tally() { # what status passed failed
    count "$3" "$4"
    [ "$2" = 0 ] && { [ "$3" != 0 ] || grep -q '^skipped: ' "$log"; } || [ "$4" != 0 ] || { count 0 1 && fail "$1"; }
}

workspace=

# rust_tests WHAT ARGUMENTS…: cargo test, which ends each test program with `test result: ok. N passed; N failed; …`. The workspace is tests,
# or that of `workspace` if it is set.
rust_tests() {
    what=$1
    shift
    echo "--- $what"
    run "$cargo" test --locked --no-fail-fast --manifest-path "${workspace:-tests}/Cargo.toml" "$@"
    # shellcheck disable=SC2046 # two words
    tally "$what" $? $(awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$log")
}

# suite WHAT COMMAND…: a command that prints `N passed, N failed` as its last line, except for what make says about a failure.
suite() {
    what=$1
    shift
    echo "--- $what"
    run "$@"
    # shellcheck disable=SC2046 # two words
    tally "$what" $? $(awk '/^[0-9]+ passed, [0-9]+ failed/ { passed = $1; failed = $3 } END { print passed + 0, failed + 0 }' "$log")
}

# skip WHAT REASON: notes what is not checked, for the end of the output.
skip() {
    skipped="${skipped}skipped: $1: $2
"
}

finish() {
    printf %s "$skipped"
    # Also those that scrolled away.
    sort -u "$log.failures"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
