#!/bin/sh
# Checks for the Debian packages that the demo, the site or tests need. As root it installs the missing ones; otherwise it prints the command
# that does, and fails.
# Usage: setup.sh demo|bench|test|deb|deb-test|dist|everywhere|site|abi|packaging-test|python|roots
# Example: scripts/setup.sh test
set -eu

packages="gcc libc6-dev binutils pkg-config"
case $1 in
bench)
    # libnuma to compare with; tools that count instructions and system calls.
    packages="$packages libnuma1 libnuma-dev strace valgrind libc6-dbg"
    ;;
test)
    # Several compilers and linkers; libnuma to compare with; a test framework for C; tools that count.
    packages="$packages g++ clang lld mold libnuma1 libnuma-dev check libsubunit-dev strace valgrind libc6-dbg"
    # Programs that numars-run refuses: of another C library, and with capabilities.
    packages="$packages musl-tools libcap2-bin"
    # Build systems of projects that use the library; a checker and a reader for manual pages.
    packages="$packages cmake meson autoconf automake mandoc man-db"
    # What compares the symbols of libraries.
    packages="$packages abigail-tools"
    # In which numars top is driven as by a person.
    packages="$packages tmux"
    # Fetches packages of PyPI that use libnuma (tests/real_programs.rs), in the long run.
    [ -z "${TEST_SECONDS:-}" ] || packages="$packages python3-pip"
    ;;
deb | deb-test)
    packages="$packages dpkg-dev debhelper"
    [ ! -e .git ] || packages="$packages git"
    [ "$1" = deb ] || packages="$packages lintian debootstrap"
    ;;
roots) packages="$packages debootstrap musl-tools" ;;
dist) packages="$packages git tar xz-utils" ;;
everywhere) packages="$packages debootstrap" ;;
packaging-test)
    # The archive of a release; the tools of RPM, Arch and Nix; Python for Conan and the recipe of Spack.
    packages="$packages git tar xz-utils shellcheck rpm rpm2cpio rpmlint cpio file makepkg pacman-package-manager libarchive-tools fakeroot nix-bin"
    packages="$packages python3 python3-venv cmake make musl-tools openssl curl"
    ;;
site) packages="$packages mandoc" ;;
# What scripts/python-tools.sh installs programs with, and a library that one of them loads.
python) packages="python3-venv libmagic1" ;;
abi) packages="$packages abigail-tools" ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: the packages that Debian calls '$packages' are assumed to be installed." >&2
    exit 0
fi

missing=
for package in $packages; do
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
    *"ok installed") ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "Some packages are missing. This installs them: sudo apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 # one word for each package
apt-get -qq install --yes --no-install-recommends $missing >/dev/null
