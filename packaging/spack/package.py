# The address and the checksum of the archive are explained in docs/packaging.md.
# The first import is that of Spack 1.0 and later.
from spack_repo.builtin.build_systems.makefile import MakefilePackage

from spack.package import *

ARCHIVES = "https://numars.example/releases"


class Numars(MakefilePackage):
    """libnuma's C interface in Rust: memory policy and CPU affinity on machines with several NUMA nodes, moving pages
    between nodes, and a command that shows where memory is."""

    homepage = "https://numars.example/"
    url = f"{ARCHIVES}/numars-0.1.0.tar.xz"

    # The command contains crates under more licences than the libraries.
    license("MIT OR Apache-2.0", when="~cli")
    license(
        "(MIT OR Apache-2.0) AND MIT AND Zlib AND (Apache-2.0 OR BSL-1.0) AND "
        "(Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT) AND (Unlicense OR MIT) AND (Zlib OR Apache-2.0 OR MIT)",
        when="+cli",
    )

    version("0.1.0", sha256="0000000000000000000000000000000000000000000000000000000000000000")

    variant(
        "libs",
        default="shared,static",
        values=("shared", "static"),
        multi=True,
        description="Kinds of libraries",
    )
    variant("cli", default=True, description="The command numars; without it, numars-run is a shell script")
    variant("dropin", default=False, description="Also libnuma.so.1, numa.h and numa.pc, in the place of numactl's")

    # Programs that were linked with libnuma need a shared library.
    requires("libs=shared", when="+dropin")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("rust@1.88:", type="build")

    requires("platform=linux", msg="numars calls Linux")

    @property
    def settings(self):
        libraries = self.spec.variants["libs"].value
        return [
            f"PREFIX={self.prefix}",
            f"LIBDIR={self.prefix.lib}",
            "LDCONFIG=",
            "SHARED=" + ("yes" if "shared" in libraries else "no"),
            "STATIC=" + ("yes" if "static" in libraries else "no"),
            "CLI=" + ("yes" if self.spec.satisfies("+cli") else "no"),
        ]

    @property
    def libs(self):
        name = "libnuma" if self.spec.satisfies("+dropin") else "libnumars"
        shared = "shared" in self.spec.variants["libs"].value
        return find_libraries(name, root=self.prefix.lib, shared=shared, recursive=False)

    @property
    def headers(self):
        folder = self.prefix.include if self.spec.satisfies("+dropin") else self.prefix.include.numars
        return find_headers("*", root=folder, recursive=False)

    # The archive contains all crates; nothing is fetched.
    def build(self, spec, prefix):
        make(*self.settings)

    def check(self):
        # Without the folders, since the tests install into their own.
        make("check")

    def install(self, spec, prefix):
        make("install-dropin" if spec.satisfies("+dropin") else "install", *self.settings)
