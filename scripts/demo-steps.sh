#!/bin/sh
# The steps of `make demo`, on this machine or in a guest: memory on one node, spread over all, and gathered on the last one. scripts/demo.sh
# runs it where numars and hold_memory are in PATH.
set -eu

show() {
    echo
    echo "\$ $*"
    "$@"
}

last=$(sed 's/.*[-,]//' /sys/devices/system/node/has_memory)
show numars nodes

echo
echo '$ numars run --membind +0 -- hold_memory 2 &'
ready=$(mktemp -u)
mkfifo "$ready"
numars run --membind +0 -- hold_memory 2 >"$ready" &
pid=$!
trap 'kill $pid; rm -f "$ready"' EXIT
read -r _ <"$ready"

for to in '' "all --interleave" "$last"; do
    # shellcheck disable=SC2086 # words
    [ -z "$to" ] || show numars move $pid --mapping anon --to $to
    show numars map $pid --mapping anon --pages
done
