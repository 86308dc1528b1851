# shellcheck shell=sh
# Finds the release and the archive for a clean Debian tree, this machine's release and the archive that its apt uses, and runs commands in the
# tree. Sourced by scripts that make such a tree.
# Example: find_debian || echo "skipped: $why"

# Sets `release`, `mirror` and `keyring` (empty: debootstrap's default), or returns 1 with the reason in `why`.
# shellcheck disable=SC2034 # they are for the script that sources this one
find_debian() {
    why='' release='' mirror='' keyring=''
    [ "$(id -u)" = 0 ] || { why="this needs root" && return 1; }
    unshare --mount true 2>/dev/null || { why="this needs to mount, which is forbidden here" && return 1; }
    # shellcheck source=/dev/null
    release=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}")
    [ -n "$release" ] || { why="this is no release of Debian" && return 1; }
    # As tests/vm/src/apt.rs has it. apt replaces what looks like variables:
    # shellcheck disable=SC2016
    set -- "$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SOURCESENTRY)' |
        awk -v release="$release" '
            $3 == "main" && ($2 == release || $2 ~ /^(oldstable|stable|testing|unstable|sid)$/) { print; exit }')"
    mirror=${1%% *}
    case $mirror in
    http:* | https:* | file:*) ;;
    *) why="apt has no Debian archive that debootstrap can use" && return 1 ;;
    esac
    set -- "${1##* }"
    keyring=$(sed -n '/^#/d; s/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "${1%:*}" | head -n 1)
}

# Runs a command in the folder `tree`, with this machine's /proc, /sys and network, and with the folder `archives`, if it is set, as apt's. They are
# mounted in a namespace that ends with the command: there is nothing to unmount, however the script ends.
in_tree() { # command…
    # shellcheck disable=SC2016,SC2154 # the inner shell's; `tree` is set by the script that sources this one
    unshare --mount sh -c '
        mount --rbind /proc "$0/proc" && mount --rbind /sys "$0/sys" && { [ -z "$1" ] || mount --bind "$1" "$0/var/cache/apt/archives"; } &&
            cd "$0" && shift && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$0" "$@"' \
        "$tree" "${archives:-}" "$@"
}
