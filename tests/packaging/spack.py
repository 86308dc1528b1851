"""Runs a recipe of Spack without Spack: records what it declares, and runs its phases.

Usage: spack.py RECIPE show | spack.py RECIPE SOURCES PREFIX SPEC
SPEC is as in "+cli~dropin libs=shared,static". Whatever of spack.package a recipe uses that is not here is an error.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys
import types

declared = {"version": {}, "variant": {}, "depends_on": [], "license": [], "requires": []}


def version(number, **checksums):
    declared["version"][number] = checksums


def variant(name, *, default, description, values=(True, False), multi=False):
    declared["variant"][name] = {"default": default, "values": list(values), "multi": multi}


def depends_on(spec, type=("build", "link"), when=None):
    declared["depends_on"].append({"spec": spec, "type": type, "when": when})


def license(expression, when=None):
    declared["license"].append({"license": expression, "when": when})


def requires(spec, when=None, msg=None):
    declared["requires"].append({"spec": spec, "when": when})


class Prefix(str):
    """Attributes are folders below it."""

    def __getattr__(self, name):
        return Prefix(os.path.join(self, name))


class Spec:
    def __init__(self, text):
        self.variants = {}
        for name, given in declared["variant"].items():
            default = given["default"].split(",") if given["multi"] else given["default"]
            self.variants[name] = types.SimpleNamespace(value=tuple(default) if given["multi"] else default)
        for sign, switch, name, values in re.findall(r"([+~])(\w+)|(\w+)=([\w,]+)", text):
            if switch:
                assert isinstance(declared["variant"][switch]["default"], bool), switch
                self.variants[switch].value = sign == "+"
            else:
                values = tuple(values.split(","))
                assert set(values) <= set(declared["variant"][name]["values"]), values
                self.variants[name].value = values
        for requirement in declared["requires"]:
            if requirement["when"] is None or self.satisfies(requirement["when"]):
                if not self.satisfies(requirement["spec"]):
                    sys.exit(f"refused: {requirement}")

    # A variant of several values may have more than those that are asked for.
    def satisfies(self, text):
        for sign, switch, name, values in re.findall(r"([+~])(\w+)|(\w+)=([\w,]+)", text):
            if switch:
                holds = self.variants[switch].value == (sign == "+")
            elif name == "platform":
                holds = values == sys.platform
            else:
                holds = set(values.split(",")) <= set(self.variants[name].value)
            if not holds:
                return False
        return True


def find(names, root):
    paths = sorted(os.path.join(root, name) for name in os.listdir(root) if fnmatch.fnmatch(name, names))
    assert paths, f"no {names} in {root}"
    return paths


def find_libraries(name, root, shared=True, recursive=False):
    return find(name + (".so" if shared else ".a"), root)


def find_headers(name, root, recursive=False):
    return find(name + ".h", root)


def make(*arguments):
    subprocess.run(["make", *arguments], check=True)


class MakefilePackage:
    pass


package = types.ModuleType("spack.package")
for item in (version, variant, depends_on, license, requires, find_libraries, find_headers, make):
    setattr(package, item.__name__, item)
makefile = types.ModuleType("spack_repo.builtin.build_systems.makefile")
makefile.MakefilePackage = MakefilePackage
for module in (package, makefile):
    parts = module.__name__.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules[module.__name__] = module

recipe = types.ModuleType("recipe")
with open(sys.argv[1], encoding="utf-8") as file:
    exec(compile(file.read(), sys.argv[1], "exec"), recipe.__dict__)
numars = recipe.Numars()
if sys.argv[2] == "show":
    json.dump({**declared, "url": numars.url, "homepage": numars.homepage}, sys.stdout)
    sys.exit()

_, _, sources, prefix, text = sys.argv
os.chdir(sources)
numars.spec, numars.prefix = Spec(text), Prefix(prefix)
numars.build(numars.spec, numars.prefix)
if os.environ.get("CHECK") == "yes":
    numars.check()
numars.install(numars.spec, numars.prefix)
# Of another package that depends on this one.
print(" ".join(numars.libs), " ".join(numars.headers))
