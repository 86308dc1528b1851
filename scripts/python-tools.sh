#!/bin/sh
# Installs the programs of scripts/python-tools.txt into target/tools/python, unless they are there, and prints the folder that they are in. pip
# checks the hashes of all but what it builds reuse with, which has no wheel of its newest version.
# Example: "$(scripts/python-tools.sh)/reuse" lint
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/target/tools/python
if ! cmp -s scripts/python-tools.txt "$folder/installed"; then
    scripts/setup.sh python >&2
    rm -rf "$folder"
    # Debian's Python, whatever else is in PATH.
    "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)" -m venv "$folder"
    "$folder/bin/pip" --quiet --disable-pip-version-check install --require-hashes --only-binary :all: --no-binary reuse \
        --requirement scripts/python-tools.txt >&2
    cp scripts/python-tools.txt "$folder/installed"
fi
echo "$folder/bin"
