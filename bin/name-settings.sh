#!/bin/sh
# Names the settings of the compiler and the linker in the environment, which may have caused a failure. It fails, so that a recipe
# ends with `|| sh bin/name-settings.sh`.
# shellcheck disable=SC2046 # one word for each
set -- $(env | sed -n 's/^\(CARGO_PROFILE_RELEASE_[A-Z_]*\|CARGO_ENCODED_RUSTFLAGS\|[A-Z_]*RUSTFLAGS\|CFLAGS\|LDFLAGS\)=..*/\1/p')
[ $# = 0 ] || echo "Settings of the compiler or the linker may be the reason: try without $*." >&2
exit 1
