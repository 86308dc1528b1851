"""Writes the licences and notices of crates to standard output: crates/numars-cli/THIRD-PARTY.txt.

Of each crate, one of the licences that it offers is chosen, and its files with that licence and with notices are printed, identical ones once. Fails
if a crate has no file with the text of the licence that was chosen.

Usage: notices.py OUTPUT_OF_CARGO_METADATA OUTPUT_OF_CARGO_TREE
"""

import json
import pathlib
import re
import sys
import textwrap

from license_expression import get_spdx_licensing

# Words that the text of each licence has. Of those that a crate offers, the first one is chosen; those that deny.toml does not allow come last.
WORDS = {
    "MIT": "permission is hereby granted, free of charge, to any person obtaining a copy of this software",
    "MIT-0": "mit no attribution",
    "Zlib": "this software is provided 'as-is', without any express or implied warranty",
    "Apache-2.0": "apache license version 2.0, january 2004",
    "Unicode-3.0": "unicode license v3",
    "BSL-1.0": "boost software license - version 1.0",
    "Unlicense": "this is free and unencumbered software released into the public domain",
}
LICENSING = get_spdx_licensing()


def choose(expression):
    """Returns the licences that apply if the first ones of WORDS are chosen."""
    if isinstance(expression, LICENSING.OR):
        return min(map(choose, expression.args), key=rank)
    if isinstance(expression, LICENSING.AND):
        return set().union(*map(choose, expression.args))
    return {str(expression)}


def rank(licences):
    names = list(WORDS)
    return max(names.index(name) if name in WORDS else len(names) for name in licences)


def normal(text):
    return " ".join(text.split())


def texts_of(package, licences):
    """Returns the texts that have to be passed on: all but those of nothing but other licences."""
    folder = pathlib.Path(package["manifest_path"]).parent
    texts, missing = [], set(licences)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not re.match(r"(UN)?LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|AUTHORS", path.name, re.IGNORECASE):
            continue
        text = path.read_text(encoding="utf-8")
        contained = {name for name, words in WORDS.items() if words in normal(text).lower()}
        if not contained or contained & licences:
            texts.append(text)
            missing -= contained
    if missing:
        sys.exit(f"{package['name']} {package['version']} has no file with the licence {', '.join(missing)}: {folder}")
    return texts


metadata, tree = (pathlib.Path(path).read_text() for path in sys.argv[1:])
# Lines such as "libc v0.2.172" and "numars v0.1.0 (/path)".
contained = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
packages = [package for package in json.loads(metadata)["packages"] if (package["name"], f"v{package['version']}") in contained]
if len(packages) != len(contained):
    sys.exit("cargo metadata and cargo tree do not name the same crates")
packages = sorted((package for package in packages if package["source"]), key=lambda package: (package["name"], package["version"]))

lines, texts = [], {}
for package in packages:
    crate = f"{package['name']} {package['version']}"
    licences = choose(LICENSING.parse(package["license"].replace("/", " OR "), validate=True))
    # Without addresses: some texts name no authors.
    authors = "".join(f"; {author.split(' <')[0]}" for author in package["authors"])
    lines.append(f"{crate}: {' and '.join(sorted(licences))}{authors}")
    for text in texts_of(package, licences):
        crates = texts.setdefault(normal(text), (text, []))[1]
        if crate not in crates:
            crates.append(crate)

print(f"""Licences and notices of the crates in the command numars
========================================================

The command numars has these crates compiled into it, or code that their
macros write, for one or more of the machines that it is built for. Where a
crate offers a choice of licences, the one that is named here was chosen. The
licences of numars itself are MIT or Apache-2.0.

Not listed: parts of Rust's standard library, whose licences and notices are in
the documentation of the Rust compiler (share/doc/rust/COPYRIGHT-library.html,
as rustup installs it); and parts of the C library, if the command is static.

scripts/notices.sh writes this file.

{len(packages)} crates, with their authors if Cargo.toml names them:
""")
for line in lines:
    print(textwrap.fill(line, width=80, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False, break_long_words=False))
for text, crates in texts.values():
    print("\n" + "-" * 80)
    print(textwrap.fill("Of " + ", ".join(crates) + ":", width=80, break_on_hyphens=False, break_long_words=False))
    print("-" * 80 + "\n")
    print("\n".join(line.rstrip() for line in text.lstrip("\ufeff").strip("\r\n").splitlines()))
