# Builds and installs numars, and starts the longer procedures, which are in scripts/. `make help` lists the targets.

PREFIX ?= /usr/local
# Debian's libraries are in a folder named after the machine. The build notes its name: whoever installs may have no compiler.
MULTIARCH = $(or $(shell cat $(BUILD)/built 2>/dev/null || $(PRINT_MULTIARCH)),\
	$(error set LIBDIR: $(CC) does not name the folder below /usr/lib for libraries of this machine))
# musl-gcc names the folder of the compiler that it calls.
PRINT_MULTIARCH = $(CC) -print-multiarch 2>/dev/null$(if $(FOR_MUSL), | sed 's/-gnu/-musl/')
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(if $(wildcard /etc/debian_version),/$(MULTIARCH)))
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DESTDIR ?=
FOLDERS := PREFIX LIBDIR INCLUDEDIR BINDIR DATADIR MANDIR

define newline


endef
$(foreach name,DESTDIR $(FOLDERS),$(if $(findstring $(newline),$(value $(name))),$(error $(name) has a line break)))
override PREFIX := $(or $(patsubst %/,%,$(PREFIX)),$(PREFIX))

CARGO ?= cargo
RUSTC ?= rustc
CC ?= cc
AR ?= ar
OBJCOPY ?= objcopy
READELF ?= readelf
INSTALL ?= install
# If it is empty, ldconfig(8) does not run.
LDCONFIG ?= ldconfig

VERSION := $(shell sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
# Whether the command numars is built and installed: yes; no, which installs the script numars-run in its place; or dev, compiled in less time,
# as the tests and the demo use it.
CLI ?= yes
$(if $(filter-out yes no dev,$(or $(CLI),empty)),$(error CLI is "$(CLI)": it can be yes, no or dev))
# no: neither built nor installed.
STATIC ?= yes
SHARED ?= yes
$(foreach name,STATIC SHARED,$(if $(filter-out yes no,$(or $($(name)),empty)),$(error $(name) is "$($(name))": it can be yes or no)))
$(if $(filter yes,$(STATIC) $(SHARED)),,$(error STATIC=no and SHARED=no leave nothing to build))

# The libnuma whose interface this is.
LIBNUMA_VERSION := 2.0.19
# The version in the names of the files, as libnumars.so.1.0.0.
SOVERSION := 1.0.0

BUILD := target/c
$(if $(word 2,$(BUILD)),$(error BUILD is "$(BUILD)": make knows no targets with blanks in their names))
# The target that cargo compiles for, by default this machine with the C library of the C compiler: CC=musl-gcc is enough for musl. It is
# always passed, so that the folder of the results does not depend on cargo's settings, and so that flags for the library do not reach
# build scripts.
TARGET ?= $(CARGO_BUILD_TARGET)
RUST_HOST = $(shell $(RUSTC) -vV | sed -n 's/^host: //p')
FOR_MUSL = $(shell $(CC) -E -dM -include features.h -x c /dev/null 2>/dev/null | \
	awk '$$2 == "_FEATURES_H" { read = 1 } $$2 == "__GLIBC__" { glibc = 1 } END { if (read && !glibc) print "yes" }')
COMPILE_FOR = $(or $(TARGET),$(if $(FOR_MUSL),$(subst -gnu,-musl,$(RUST_HOST)),$(RUST_HOST)))

# $(call quote,TEXT): TEXT as one word for the shell.
quote = '$(subst ','\'',$(1))'
comma := ,

# Sources without tests and tools have only what building and installing need.
ifeq ($(wildcard scripts/setup.sh),)
OF_ALL_SOURCES := $(filter-out all cargo clean cli help install% libraries rust stage uninstall% usable-stage target/% /%,$(MAKECMDGOALS))
$(if $(OF_ALL_SOURCES),$(error make $(firstword $(OF_ALL_SOURCES)) needs all sources, as in a clone of the repository))
endif

.DELETE_ON_ERROR:
.PHONY: all libraries help clean headers docs rust cargo cli install install-dropin install-dropin-dev uninstall uninstall-dropin uninstall-dropin-dev stage \
	usable-stage

all: libraries $(if $(filter-out no,$(CLI)),cli)

SHARED_LIBRARIES := $(BUILD)/libnumars.so.$(SOVERSION) $(BUILD)/libnuma.so.$(SOVERSION)
ARCHIVE := $(BUILD)/libnumars.a
# Notes the machine that they were built for, for `make install`.
NOTE_MACHINE = { $(PRINT_MULTIARCH); } >$(BUILD)/built || touch $(BUILD)/built
libraries: $(if $(filter yes,$(SHARED)),$(SHARED_LIBRARIES)) $(if $(filter yes,$(STATIC)),$(ARCHIVE))
	@$(NOTE_MACHINE)

define HELP
Build
  all                         the libraries and the command (default); STATIC=no, SHARED=no, CLI=no
  libraries, cli, static-cli  into target/c; into target/cli/release; the command as one static file
  headers, docs               regenerate include/*.h; generated pages of docs/, debian/*.symbols
  clean                       remove target/
Install (PREFIX=/usr/local, LIBDIR, INCLUDEDIR, BINDIR, DATADIR, MANDIR, DESTDIR, and those of all)
  install, uninstall          what was built, next to libnuma
  install-dropin, uninstall-dropin, install-dropin-dev, uninstall-dropin-dev  in libnuma's place
  deb, cross, dist            Debian packages; all of it for other machines (ARCH); a release
Test (the last line is: N passed, N failed)
  check                       what a packager runs: no root, no network, no guest
  test, test-long             every check (VM=no: without the guest); all of it on every kernel
  stage, c-tests, vm          what tests use: the installed library, C programs, the guest
  host-test, musl-test, vm-test  C tests here; on musl (CC); in the guest (KERNELS, FILTER)
  debug-test, debug-vm-test, sanitize, sanitize-vm  debug assertions; AddressSanitizer (KERNEL)
  memcheck, races, miri, msrv, semver, abi, supply  valgrind; threads; Miri; versions; licences
  fuzz, fuzz-seeds, soak      fuzz (FUZZ_TARGETS, FUZZ_SECONDS); move a database (SOAK_SECONDS)
  deb-test, roots-test, packaging-test, readme-test  packages, in clean roots (ROOTS); README.md
  everywhere-test             the library preloaded into every program of a Debian tree (CASES)
  cross-check, cross-test     compile for other machines; run tests on them, emulated (ARCH, TESTS)
More
  demo, site                  draw pages that move between nodes; documents as a site, target/site
  bench, cross-figures        compare with libnuma (KERNEL, BENCH=--help), also elsewhere (ARCH)
  bench-machine, programs, sbom  measure a real machine (ARCH); write docs/programs.md; list crates
endef
help:
	@:$(info $(HELP))

clean:
	rm -rf target

# --- build -----------------------------------------------------------------------------------------------------------
#
# `cargo build --release` makes a versioned library too, but it needs lld, and the archive that rustc makes exports more than C
# programs should see. The installed libraries are therefore made here: cargo compiles, the C compiler's linker puts what is needed
# into one object, objcopy hides what is not exported, and that object becomes the archive and both shared libraries.

rust:
	@sh bin/check-rust.sh $(call quote,$(CARGO)) $(call quote,$(RUSTC))
OR_NAME_SETTINGS = || sh bin/name-settings.sh

# A release archive has the crates, and nothing is fetched.
LOCKED := $(if $(wildcard vendor),--frozen,--locked)

# cargo knows what is out of date; the copy keeps its time if nothing changed. Frame pointers, which profilers use, make the unwind
# tables shorter by more than the code gets longer; RUSTFLAGS, if it is set, replaces what --config says. C programs cannot unwind Rust
# code, so panic is abort whatever the profile says, and only link-time optimization of both crates removes what could panic.
FRAME_POINTERS := -Cforce-frame-pointers=yes
# 32-bit ARM's unwind tables name functions of libgcc_s, which the library would then need.
NO_UNWIND_TABLES = $(if $(filter arm%,$(COMPILE_FOR)),-Cforce-unwind-tables=no)
CODE_FLAGS = $(FRAME_POINTERS) $(NO_UNWIND_TABLES)
CARGO_BUILT = $(BUILD)/cargo/$(COMPILE_FOR)/release/libnumars.a
cargo: rust
	$(if $(RUSTFLAGS),RUSTFLAGS=$(call quote,$(RUSTFLAGS) $(CODE_FLAGS)) )$(CARGO) rustc --quiet $(LOCKED) --release --package libnumars --lib \
		--crate-type staticlib --no-default-features --config 'profile.release.panic="abort"' --config 'profile.release.lto="fat"' \
		--config 'build.rustflags="$(strip $(CODE_FLAGS))"' --target-dir $(BUILD)/cargo --target $(COMPILE_FOR) $(OR_NAME_SETTINGS)
$(BUILD)/rust.a: cargo
	@built=$(CARGO_BUILT); cmp -s $$built $@ || cp $$built $@

# Lists of symbols for objcopy and the linker.
LINK := $(BUILD)/link
$(LINK)/libnumars.map: symbols.tsv bin/symbols.awk
	@mkdir -p $(LINK) && awk -v folder=$(LINK) -f bin/symbols.awk symbols.tsv

# Everything that is needed, in one object. Code that was hardly optimized refers to Rust's unwinder, which C programs do not have.
$(BUILD)/all.o: $(BUILD)/rust.a $(LINK)/libnumars.map Makefile
	@$(CC) -r -nostdlib -o $@ @$(LINK)/wanted.txt $< $(OR_NAME_SETTINGS)
	@$(READELF) --symbols --wide $@ >$(BUILD)/symbols.txt
	@! grep -q 'UND rust_eh_personality' $(BUILD)/symbols.txt || \
		{ echo 'The compiler left code in the library that can unwind, which C programs cannot do.' >&2; false $(OR_NAME_SETTINGS); }

# For the archive. getaddrinfo is weak because the linker warns about every static program that contains it: a program that uses it
# brings it in.
$(BUILD)/numars.o: $(BUILD)/all.o
	@$(OBJCOPY) --keep-global-symbols=$(LINK)/exports.txt --weaken-symbols=$(LINK)/weak.txt \
		--weaken-symbol=getaddrinfo --weaken-symbol=freeaddrinfo $< $@

# For the shared libraries: with the older forms, under their versions. memmove does what memcpy does. The loader looks up one
# symbol and one symbol version less: 2,542 of 49,204 instructions of loading, as tests/library.rs counts them.
$(BUILD)/shared.o: $(BUILD)/all.o
	@$(OBJCOPY) --keep-global-symbols=$(LINK)/exports.txt --keep-global-symbols=$(LINK)/older.txt --weaken-symbols=$(LINK)/weak.txt \
		--redefine-sym memcpy=memmove $< $@
	@$(OBJCOPY) --redefine-syms=$(LINK)/versions.txt $@

$(BUILD)/libnumars.a: $(BUILD)/numars.o
	@rm -f $@
	$(AR) rcsD $@ $<

# Read-only data gets pages of its own, which are not executable. gold has another option for that. Where pages may have 64 KiB, this would
# pad the file by up to 192 KB, and the linker decides.
KNOWN_TO_LINKER = $(shell echo 'int x;' | $(CC) -shared -x c - -o /dev/null $(1) $(LDFLAGS) 2>/dev/null && echo $(1))
HAS_LARGE_PAGES = $(filter aarch64% arm% loongarch64% powerpc64%,$(COMPILE_FOR))
SEPARATE_CODE = $(if $(HAS_LARGE_PAGES),,$(or $(call KNOWN_TO_LINKER,-Wl$(comma)-z$(comma)separate-code),$(call KNOWN_TO_LINKER,-Wl$(comma)--rosegment)))
# Binds all symbols while linking except those that a program can interpose (symbols.tsv). mold would drop the versions of these, so
# with mold all symbols can be interposed, and loading takes longer.
KEEP_OPEN = $(shell $(CC) $(LDFLAGS) -Wl,--version 2>/dev/null | grep -q mold || echo -Wl,--dynamic-list=$(LINK)/open.txt)

# One library for each SONAME: a preloaded library replaces libnuma.so.1 only if that is its SONAME. The compiler's start files are
# left out because they look up four symbols that nothing here needs.
$(BUILD)/lib%.so.$(SOVERSION): $(BUILD)/shared.o
	$(CC) $(CFLAGS) -shared -nostartfiles -o $@ $< -Wl,-soname,lib$*.so.1 -Wl,--version-script=$(LINK)/libnumars.map -Wl,--gc-sections \
		$(KEEP_OPEN) -Wl,-z,relro -Wl,-z,now -Wl,-z,defs -Wl,-O1 $(SEPARATE_CODE) $(LDFLAGS) $(OR_NAME_SETTINGS)
	@sh bin/check-libc.sh $(call quote,$(READELF)) $@ $(COMPILE_FOR) $(OR_NAME_SETTINGS)
	@ln -sf lib$*.so.$(SOVERSION) $(BUILD)/lib$*.so.1
	@ln -sf lib$*.so.1 $(BUILD)/lib$*.so

# The tests, the guest and the benchmark are a workspace of their own: the library builds without what they need.
TEST_WORKSPACE := $(LOCKED) --manifest-path tests/Cargo.toml --target-dir target

headers: rust
	NUMARS_WRITE_HEADERS=1 $(CARGO) test --quiet $(TEST_WORKSPACE) --test headers the_headers_are_made_from_the_rust_sources

docs: rust
	NUMARS_WRITE_DOCS=1 RUST_TEST_THREADS=1 $(CARGO) test --quiet $(TEST_WORKSPACE) --test docs --test manual

# The command numars, a program of its own, which knows where the library will be. Compiled for another machine, it is in that machine's folder.
# The paths of its crates, which are in the messages of panics, depend neither on the folder of the sources nor on cargo's, unless RUSTFLAGS replaces
# what --config says.
REMAP = "--remap-path-prefix=$(1)=vendor"
CRATE_PATHS = [$(call REMAP,$(CURDIR)/vendor),$(call REMAP,$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src)]
CLI_SETTINGS = NUMARS_LIBDIR=$(call quote,$(LIBDIR)) $(CARGO) build --release --config $(call quote,build.rustflags=$(CRATE_PATHS))
CLI_FOR = $(or $(TARGET),$(if $(FOR_MUSL),$(COMPILE_FOR)))
CLI_FOLDER = target/cli/$(if $(CLI_FOR),$(CLI_FOR)/)$(if $(filter dev,$(CLI)),debug,release)
cli: rust
	$(if $(filter dev,$(CLI)),$(CARGO) build,$(CLI_SETTINGS)) --quiet $(LOCKED) \
		--manifest-path crates/numars-cli/Cargo.toml --target-dir target/cli $(if $(CLI_FOR),--target $(CLI_FOR))
	@printf '%s\n' $(if $(filter dev,$(CLI)),any,$(call quote,$(LIBDIR))) >$(CLI_FOLDER)/built-for

# --- install ---------------------------------------------------------------------------------------------------------

INSTALL_SETTINGS = $(foreach name,DESTDIR $(FOLDERS) BUILD STATIC SHARED CLI CLI_FOLDER INSTALL LDCONFIG VERSION LIBNUMA_VERSION SOVERSION,$(name)=$(call quote,$($(name))))
install install-dropin install-dropin-dev uninstall uninstall-dropin uninstall-dropin-dev:
	$(INSTALL_SETTINGS) sh bin/install.sh $@
# Of `make all install`, also with -j.
install install-dropin install-dropin-dev: $(filter all,$(MAKECMDGOALS))

# The installed library as the tests and the demo use it, without the command, and with what STATIC and SHARED leave out.
STAGE := $(CURDIR)/target/stage
usable-stage:
	@sh bin/check-folders.sh 'The folder for make demo and the tests' $(call quote,$(STAGE))
stage: usable-stage $(SHARED_LIBRARIES) $(ARCHIVE)
	@$(NOTE_MACHINE)
	@$(MAKE) --no-print-directory install CLI=no STATIC=yes SHARED=yes DESTDIR= LDCONFIG= PREFIX=$(call quote,$(STAGE)) LIBDIR=$(call quote,$(STAGE)/lib) \
		INCLUDEDIR=$(call quote,$(STAGE)/include) BINDIR=$(call quote,$(STAGE)/bin) DATADIR=$(call quote,$(STAGE)/share) \
		MANDIR=$(call quote,$(STAGE)/share/man)

# --- tests and tools: the procedures are in scripts/, where each file says what it does and with which variables --------

.PHONY: bench bench-machine c-tests check cross cross-check cross-figures cross-test deb deb-test dist debug-library debug-test debug-vm-test demo everywhere-test fuzz fuzz-build fuzz-seeds host-test \
	memcheck miri msrv musl-test packaging-test programs races readme-test roots-test sanitize sanitize-vm sanitized semver site soak static-cli test test-long vm vm-test

vm: rust
	@$(CARGO) build --quiet $(TEST_WORKSPACE) --release --package numars-vm

c-tests: stage
	@$(MAKE) --no-print-directory -j2 -f tests-c/Makefile

check test test-long demo deb dist musl-test packaging-test readme-test miri semver site:
	@scripts/$@.sh
cross cross-check cross-figures cross-test msrv static-cli: vm
	@scripts/$@.sh
deb-test: deb
	@scripts/$@.sh
roots-test: deb vm
	@scripts/$@.sh
everywhere-test: libraries
	@scripts/$@.sh $(CASES)
host-test vm-test memcheck: c-tests vm
	@scripts/$@.sh
debug-library:
	@scripts/debug-test.sh build
debug-test: c-tests vm
	@scripts/debug-test.sh host
debug-vm-test: c-tests vm
	@scripts/debug-test.sh guest
races: stage
	@scripts/$@.sh
soak: stage vm
	@scripts/$@.sh
sanitized: stage vm
	@scripts/sanitize.sh build
sanitize: stage vm
	@scripts/sanitize.sh host
sanitize-vm: stage vm
	@scripts/sanitize.sh guest
fuzz-build:
	@scripts/fuzz.sh build
fuzz:
	@scripts/fuzz.sh run
fuzz-seeds:
	@scripts/fuzz.sh seeds
bench: stage vm
	@scripts/$@.sh $(BENCH)
bench-machine: $(if $(ARCH),vm,stage)
	@scripts/$@.sh
# `make test` runs numactl's alone.
programs: stage vm
	@NUMARS_WRITE_DOCS=1 $(CARGO) test --quiet $(TEST_WORKSPACE) --test real_programs -- --ignored --test-threads 2

# Of releases.
.PHONY: abi sbom supply
abi: libraries vm
	@scripts/$@.sh
sbom supply:
	@scripts/$@.sh
