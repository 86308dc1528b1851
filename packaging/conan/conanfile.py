from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get, rmdir
from conan.tools.gnu import Autotools, AutotoolsToolchain
import os

required_conan_version = ">=2.0"


class Numars(ConanFile):
    name = "numars"
    version = "0.1.0"
    description = "libnuma's C interface in Rust: NUMA policy and page moves"
    license = "MIT OR Apache-2.0"
    homepage = "https://numars.example/"
    topics = ("numa", "libnuma", "move_pages", "memory", "affinity")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    # in_place_of_libnuma: libnuma.so.1, numa.h and numa.pc as well.
    options = {"shared": [True, False], "in_place_of_libnuma": [True, False]}
    default_options = {"shared": False, "in_place_of_libnuma": False}

    def configure(self):
        # The archive is position-independent, and there is no C++ in it.
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    # Rust compiles the library the same whatever the build type is.
    def package_id(self):
        del self.info.settings.build_type

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("numars calls Linux")
        if self.options.in_place_of_libnuma and not self.options.shared:
            raise ConanInvalidConfiguration("programs that were linked with libnuma need a shared library: shared=True")

    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def generate(self):
        AutotoolsToolchain(self).generate()

    # The archive contains all crates; nothing is fetched. Programs of other packages use libraries, not the command.
    def _make(self, target, *arguments):
        settings = ["PREFIX=/", "LIBDIR=/lib", "INCLUDEDIR=/include", "BINDIR=/bin", "DATADIR=/share", "MANDIR=/share/man"]
        kind = "STATIC=no" if self.options.shared else "SHARED=no"
        Autotools(self).make(target, args=[*settings, "LDCONFIG=", "CLI=no", kind, *arguments])

    def build(self):
        self._make("all")

    def package(self):
        target = "install-dropin" if self.options.in_place_of_libnuma else "install"
        self._make(target, f"DESTDIR={self.package_folder}")
        # Conan writes files for pkg-config itself, and numars-run names the folder of an installed library.
        for folder in ("lib/pkgconfig", "lib/numars/pkgconfig", "bin", "share/man/man1"):
            rmdir(self, os.path.join(self.package_folder, folder))
        copy(self, "LICENSE-*", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        own = self.cpp_info.components["numars"]
        own.libs = ["numars"]
        own.includedirs = ["include/numars"]
        own.set_property("pkg_config_name", "numars")
        own.set_property("cmake_target_name", "numars::numars")
        # What programs use that include numa.h and link with -lnuma.
        libnuma = self.cpp_info.components["numa"]
        libnuma.libs = ["numa"]
        libnuma.libdirs = ["lib" if self.options.in_place_of_libnuma else "lib/numars"]
        libnuma.includedirs = ["include" if self.options.in_place_of_libnuma else "include/numars"]
        libnuma.set_property("pkg_config_name", "numa")
        libnuma.set_property("cmake_target_name", "numars::numa")
