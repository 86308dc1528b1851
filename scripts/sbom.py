"""Completes and validates a list of crates that cargo-cyclonedx wrote: standard input to standard output.

Crates that `cargo tree` does not name are removed: cargo-cyclonedx also lists those of features that nothing selects. Paths become relative to the
sources, the parts of Rust's standard library that are compiled in are added, and keys are sorted. Fails if a crate is missing, or if the result is
not valid by the schema of CycloneDX.

Usage: sbom.py FOLDER_OF_SOURCES VERSION_OF_RUST OUTPUT_OF_CARGO_TREE
"""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

folder, rust, tree = sys.argv[1:]
text = sys.stdin.read().replace(f"file://{pathlib.Path(folder).resolve()}", "file://.")
bom = json.loads(text)
package = bom["metadata"]["component"]
# Lines such as "libc v0.2.172" and "numars v0.1.0 (/path) (*)".
crates = {tuple(line.split()[:2]) for line in pathlib.Path(tree).read_text().splitlines()}
listed = {(component["name"], f"v{component['version']}"): component for component in [package, *bom["components"]]}
if missing := crates - listed.keys():
    sys.exit(f"cargo-cyclonedx did not list {sorted(missing)}")
surplus = {component["bom-ref"] for name, component in listed.items() if name not in crates}
bom["components"] = [component for component in bom["components"] if component["bom-ref"] not in surplus]
bom["dependencies"] = [dependency for dependency in bom["dependencies"] if dependency["ref"] not in surplus]
for dependency in bom["dependencies"]:
    if "dependsOn" in dependency:
        dependency["dependsOn"] = [crate for crate in dependency["dependsOn"] if crate not in surplus]
# The library contains what it uses of core and compiler-builtins, the command the whole of std.
parts = "std" if package["name"] == "numars-cli" else "core"
component = {
    "type": "library",
    "bom-ref": f"rust-{parts}@{rust}",
    "name": f"rust-{parts}",
    "version": rust,
    "description": f"Rust's {parts} and compiler-builtins, compiled in",
    "scope": "required",
    "licenses": [{"expression": "MIT OR Apache-2.0"}],
    "externalReferences": [{"type": "vcs", "url": "https://github.com/rust-lang/rust"}],
}
bom["components"].append(component)
bom["dependencies"].append({"ref": component["bom-ref"]})
for dependency in bom["dependencies"]:
    if dependency["ref"] == package["bom-ref"]:
        dependency.setdefault("dependsOn", []).append(component["bom-ref"])
result = json.dumps(bom, indent=2, sort_keys=True) + "\n"
error = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"])).validate_str(result)
if error:
    sys.exit(f"not valid: {error}")
sys.stdout.write(result)
