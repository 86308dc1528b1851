#!/bin/sh
# Writes the licences and notices of all crates in the command numars, on any of the machines of deny.toml, into
# crates/numars-cli/THIRD-PARTY.txt, which `make install` and the Debian package install with the command. It is to be run when crates/Cargo.lock
# changes; `make supply` checks that it was.
# Usage: notices.sh [check]   check: changes nothing, prints the difference, and fails if there is one
# Example: scripts/notices.sh
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
tools=$(scripts/python-tools.sh)
file=crates/numars-cli/THIRD-PARTY.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

targets=$(sed -n 's/^ *"\([^ ]*-linux-[^ ]*\)",$/\1/p' deny.toml)
options() { # option: it and the name of each target
    for target in $targets; do printf '%s %s ' "$1" "$target"; done
}
# shellcheck disable=SC2046 # one word for each
"$cargo" metadata --locked --format-version 1 --manifest-path crates/Cargo.toml $(options --filter-platform) >"$work/metadata"
# shellcheck disable=SC2046
"$cargo" tree --locked --manifest-path crates/Cargo.toml --package numars-cli --edges normal $(options --target) --prefix none --format '{p}' \
    >"$work/tree"
# Texts are UTF-8 in any locale.
PYTHONUTF8=1 "$tools/python" scripts/notices.py "$work/metadata" "$work/tree" >"$work/notices"
if [ "${1:-}" = check ]; then
    diff -u "$file" "$work/notices" || {
        echo "$file is not up to date: run scripts/notices.sh" >&2
        exit 1
    }
else
    cp "$work/notices" "$file"
fi
