#!/bin/sh
# Checks the licences of all files and crates, and where the crates come from:
# - each workspace has a lock file in git, in which all crates are of crates.io and have a checksum;
# - every file has a copyright and a licence, by the rules of REUSE (REUSE.toml);
# - crates/numars-cli/THIRD-PARTY.txt has the licences and notices of all crates in the command (notices.sh);
# - licences, sources and banned crates of each lock file are as deny.toml says, by cargo-deny, which is installed into target/tools if there is
#   none.
# Not checked without ADVISORIES=yes: whether advisories exist for the crates, or versions were withdrawn. The last line is `N passed, N failed`.
# Usage: supply.sh [lock-files]   only the first, which takes a second and fetches nothing
#   ADVISORIES=yes   fetches the database of https://rustsec.org from GitHub, and looks for the crates in it
# Example: make supply
#
# Functions are called through `check`, which shellcheck does not see:
# shellcheck disable=SC2317,SC2329
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/counting.sh
. scripts/counting.sh
crates_io='registry+https://github.com/rust-lang/crates.io-index'

# Prints what is wrong in the lock file of each workspace.
lock_files() {
    locks=$(git ls-files '*Cargo.lock')
    for manifest in $(git ls-files '*Cargo.toml'); do
        workspace=$("$cargo" locate-project --workspace --message-format plain --manifest-path "$manifest") || workspace="what $manifest belongs to"
        echo "${workspace%toml}lock"
    done | sort -u | while read -r lock; do
        lock=${lock#"$PWD/"}
        printf '%s\n' "$locks" | grep -qFx "$lock" || echo "$lock is missing, or not in git"
    done
    for lock in $locks; do
        # Crates of this repository have no source.
        awk -v file="$lock" -v expected="source = \"$crates_io\"" -v RS= '
            /^\[\[package\]\]/ && /\nsource = / && (!index($0, expected) || !/\nchecksum = "[0-9a-f]+"/) {
                print file ": of another source, or without a checksum:"
                print
            }' "$lock"
    done
}

lock_files_are_complete() {
    wrong=$(lock_files) || return
    [ -z "$wrong" ] || { echo "$wrong" && return 1; }
}

# A release archive contains sources of others, which these rules are not for.
[ -e .git ] || {
    skip "files and crates" "the sources are not in git"
    finish
}
check "lock files" lock_files_are_complete
[ "${1:-}" != lock-files ] || finish

check "licences of all files" "$(scripts/python-tools.sh)/reuse" lint --lines
check "notices of the crates in the command" scripts/notices.sh check
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-deny >/dev/null || {
    "$cargo" install --quiet --locked cargo-deny --version 0.20.2 --root target/tools --target-dir target/deny-build || exit
    rm -rf target/deny-build
}
deny() { # lock file, arguments of check…
    manifest=${1%lock}toml
    shift
    "$cargo" deny --log-level warn --locked --config deny.toml --manifest-path "$manifest" check "$@"
}
for lock in $(git ls-files '*Cargo.lock'); do
    # A crate that is an exception need not be in each lock file.
    check "crates of $lock" deny "$lock" --allow license-exception-not-encountered licenses bans sources
    [ "${ADVISORIES:-no}" != yes ] || check "advisories for $lock" deny "$lock" advisories
done
[ "${ADVISORIES:-no}" = yes ] || skip "advisories" "ADVISORIES=yes fetches their database from GitHub"
finish
