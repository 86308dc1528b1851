# Builds, installs and checks numars. `make help` lists what there is.

PREFIX ?= /usr/local
# Debian has its own libraries in a folder named after the machine: the compiler's, which whoever installs need not have.
MULTIARCH = $(or $(shell cat $(BUILD)/built 2>/dev/null || $(CC) -print-multiarch 2>/dev/null),\
	$(error set LIBDIR: $(CC) does not name the folder below /usr/lib for libraries of this machine))
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(if $(wildcard /etc/debian_version),/$(MULTIARCH)))
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
FOLDERS := PREFIX LIBDIR INCLUDEDIR BINDIR MANDIR

define newline


endef
$(foreach name,DESTDIR $(FOLDERS),$(if $(findstring $(newline),$(value $(name))),$(error $(name) has a line break)))
override PREFIX := $(or $(patsubst %/,%,$(PREFIX)),$(PREFIX))

CARGO ?= cargo
RUSTC ?= rustc
CC ?= cc
AR ?= ar
OBJCOPY ?= objcopy
INSTALL ?= install
# None is run if it is empty.
LDCONFIG ?= ldconfig
PKG_CONFIG ?= pkg-config
READELF ?= readelf
# The tests, the guest and the benchmark are a workspace of their own: the library builds without what they need.
TESTS := --locked --manifest-path tests/Cargo.toml --target-dir target

VERSION := $(shell sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
# The libnuma whose interface this is.
LIBNUMA_VERSION := 2.0.19
# The file behind the SONAME libnumars.so.1.
SOVERSION := 1.0.0

BUILD := target/c
$(if $(word 2,$(BUILD)),$(error BUILD is "$(BUILD)": make knows no targets with blanks in their names))
# What to compile for, by cargo's name; the machine itself if it is empty. It is always named, so that the place of what cargo builds does
# not depend on cargo's settings, and flags for the library are kept from build scripts.
TARGET ?= $(CARGO_BUILD_TARGET)
RUST_HOST = $(shell $(RUSTC) -vV | sed -n 's/^host: //p')
COMPILE_FOR = $(or $(TARGET),$(RUST_HOST))
LIBRARIES := $(BUILD)/libnumars.so.$(SOVERSION) $(BUILD)/libnuma.so.$(SOVERSION) $(BUILD)/libnumars.a
MANUALS := $(wildcard docs/man/*.[1-8])
# Calls that are described in the page of another one.
MANUAL_LINKS := numars_move_range numars_move_process numars_count_pages
HEADERS := $(wildcard include/*.h)

# $(call quote,TEXT): a word for the shell, whatever is in it.
quote = '$(subst ','\'',$(1))'
comma := ,

# The sources without tests and tools have what building and installing need.
ifeq ($(wildcard tests/setup.sh),)
OF_ALL_SOURCES := $(filter-out all cargo clean help install% own-settings rust stage uninstall% usable-stage target/% /%,$(MAKECMDGOALS))
$(if $(OF_ALL_SOURCES),$(error make $(firstword $(OF_ALL_SOURCES)) needs all sources, as in a clone of the repository))
endif

.DELETE_ON_ERROR:
.PHONY: all install install-dropin uninstall uninstall-dropin headers docs clean help

# What is installed is what this built last, for the machine that is noted.
all: $(LIBRARIES) ## build the libraries (default)
	@$(CC) -print-multiarch >$(BUILD)/built 2>/dev/null || touch $(BUILD)/built

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS='	' read -r name what; do printf '%-17s %s\n' "$$name" "$$what"; done

clean: ## remove everything that was built
	rm -rf target

# --- the library -----------------------------------------------------------------------------------------------------
#
# `cargo build --release` makes a versioned library too, but needs lld for it, and the archive that rustc makes holds more
# than C programs should see. So what is installed is made here with the C compiler's linker: cargo compiles, the linker
# puts what is needed into one object, objcopy hides what is not ours to export, and the object becomes the archive and,
# with the version script, both shared libraries.

EXPORTS := $(shell sed -n 's/^ *\([a-z0-9_]*\);$$/\1/p' libnumars.map)
# Those that have an older form: NAME_v1 in the sources.
OLDER := $(shell sed -n 's/^\#   older: //p' libnumars.map)
# As in libnuma: a program may define these itself.
WEAK := get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node numa_error numa_warn

# What cargo and rustc say of a Rust that is too old depends on how old it is.
RUST_NEEDED := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
.PHONY: rust
rust:
	@refuse() { echo "numars needs Rust $(RUST_NEEDED) or newer, but $$1; see https://rustup.rs." >&2; exit 1; }; \
	check() { \
		test -n "$$2" || refuse "$$1 was not found"; \
		test "`printf '%s\n' $(RUST_NEEDED) "$$2" | sort -V | head -n 1`" = $(RUST_NEEDED) || refuse "$$1 is $$2"; \
	}; \
	check cargo "`$(CARGO) --version 2>/dev/null | cut -d ' ' -f 2`"; check rustc "`$(RUSTC) --version 2>/dev/null | cut -d ' ' -f 2`"
	@case $(call quote,$(CURDIR)) in *:*) echo 'cargo builds nothing in a folder with a colon in its path.' >&2; exit 1; esac

# Names the compiler settings that may have caused a failure.
SAY_SETTINGS = { $(MAKE) --silent --no-print-directory own-settings; exit 1; }
.PHONY: own-settings
own-settings:
	@set -- `env | sed -n 's/^\(CARGO_PROFILE_RELEASE_[A-Z_]*\|CARGO_ENCODED_RUSTFLAGS\|[A-Z_]*RUSTFLAGS\|CFLAGS\|LDFLAGS\)=..*/\1/p'`; \
	test $$# = 0 || echo "Settings of the compiler or the linker may be the reason: try without $$*." >&2

# cargo knows what is out of date; the copy keeps its time when nothing changed. With frame pointers, which profilers like, the tables
# for unwinding are shorter by more than the code is longer; RUSTFLAGS, if it is set, replaces what --config says. Unwinding is not for C
# programs, whatever the profile is set to, and only link-time optimization removes what could panic from what both crates contribute.
FRAME_POINTERS := -Cforce-frame-pointers=yes
CARGO_BUILT = $(BUILD)/cargo/$(COMPILE_FOR)/release/libnumars.a
.PHONY: cargo
cargo: rust
	$(if $(RUSTFLAGS),RUSTFLAGS=$(call quote,$(RUSTFLAGS) $(FRAME_POINTERS)) )$(CARGO) rustc --quiet --locked --release --package libnumars --lib \
		--crate-type staticlib --no-default-features --config 'profile.release.panic="abort"' --config 'profile.release.lto="fat"' \
		--config 'build.rustflags=["$(FRAME_POINTERS)"]' --target-dir $(BUILD)/cargo --target $(COMPILE_FOR) || $(SAY_SETTINGS)
$(BUILD)/rust.a: cargo
	@built=$(CARGO_BUILT); cmp -s $$built $@ || cp $$built $@

# Everything that is needed, in one object. Where little is optimized, it refers to Rust's own means of unwinding.
$(BUILD)/all.o: $(BUILD)/rust.a libnumars.map Makefile
	@$(CC) -r -nostdlib -o $@ $(addprefix -u ,$(EXPORTS)) $(patsubst %,-u %_v1,$(OLDER)) $< || $(SAY_SETTINGS)
	@$(READELF) --symbols --wide $@ >$(BUILD)/symbols.txt
	@! grep -q 'UND rust_eh_personality' $(BUILD)/symbols.txt || { \
		echo "The compiler left code of Rust's in the library that can unwind, for which C programs have no means." >&2; $(SAY_SETTINGS); }

$(BUILD)/exports.txt: libnumars.map Makefile
	@mkdir -p $(BUILD)
	@printf '%s\n' $(EXPORTS) > $@

# For the archive: nothing shows but the interface. A static program has getaddrinfo(3) if it uses it itself: the linker warns
# of everyone who brings it in.
$(BUILD)/numars.o: $(BUILD)/all.o $(BUILD)/exports.txt
	@$(OBJCOPY) --keep-global-symbols=$(BUILD)/exports.txt $(addprefix --weaken-symbol=,$(WEAK) getaddrinfo freeaddrinfo) \
		$< $@

# For the shared libraries: the older forms too, under their versions. memmove does what memcpy does, and has a version that the loader
# looks for anyway.
$(BUILD)/shared.o: $(BUILD)/all.o $(BUILD)/exports.txt
	@$(OBJCOPY) --keep-global-symbols=$(BUILD)/exports.txt $(patsubst %,--keep-global-symbol=%_v1,$(OLDER)) \
		$(addprefix --weaken-symbol=,$(WEAK)) --redefine-sym memcpy=memmove $< $@
	@$(OBJCOPY) $(foreach name,$(OLDER),--redefine-sym $(name)_v1=$(name)@libnuma_1.1) $@

$(BUILD)/libnumars.a: $(BUILD)/numars.o
	@rm -f $@
	$(AR) rcsD $@ $<

# No page of the file that has code has anything else: what is only read is not executable. That pads the file by one page to
# three. gold, which does not know the option, has one for sections instead.
KNOWN_TO_LINKER = $(shell echo 'int x;' | $(CC) -shared -x c - -o /dev/null $(1) $(LDFLAGS) 2>/dev/null && echo $(1))
SEPARATE_CODE = $(or $(call KNOWN_TO_LINKER,-Wl$(comma)-z$(comma)separate-code),$(call KNOWN_TO_LINKER,-Wl$(comma)--rosegment))

# What a program may interpose, and is found each time the library is loaded: the data, which a program may have copies of, the two
# functions that numa(3) says so of, and the kernel's calls, which a tracer or a test may want to see (CALLS in src/numaif.rs). All
# else is bound while linking. mold would take the versions of these symbols away, so with it all symbols can be interposed, and
# loading takes longer.
OPEN := get_mempolicy mbind migrate_pages move_pages set_mempolicy numa_error numa_warn numa_all_cpus_ptr \
	numa_all_nodes numa_all_nodes_ptr numa_exit_on_error numa_exit_on_warn numa_fail_alloc_on_error numa_no_nodes \
	numa_no_nodes_ptr numa_nodes_ptr
KEEP_OPEN = $(shell $(CC) $(LDFLAGS) -Wl,--version 2>/dev/null | grep -q mold || echo -Wl,--dynamic-list=$(BUILD)/open.txt)
$(BUILD)/open.txt: Makefile
	@mkdir -p $(BUILD)
	@printf '{ %s };\n' '$(OPEN:=;)' > $@

# Two flavours: a preloaded library replaces libnuma.so.1 only under that SONAME. Without the compiler's start files, which look for
# four symbols of others that nothing here needs.
$(BUILD)/lib%.so.$(SOVERSION): $(BUILD)/shared.o $(BUILD)/open.txt libnumars.map
	$(CC) $(CFLAGS) -shared -nostartfiles -o $@ $< -Wl,-soname,lib$*.so.1 -Wl,--version-script=libnumars.map -Wl,--gc-sections \
		$(KEEP_OPEN) -Wl,-z,relro -Wl,-z,now -Wl,-z,defs -Wl,-O1 $(SEPARATE_CODE) $(LDFLAGS) || $(SAY_SETTINGS)
	@ln -sf lib$*.so.$(SOVERSION) $(BUILD)/lib$*.so.1
	@ln -sf lib$*.so.1 $(BUILD)/lib$*.so

headers: rust ## write include/*.h from the Rust sources
	NUMARS_WRITE_HEADERS=1 $(CARGO) test --quiet $(TESTS) --test headers the_headers_are_made_from_the_rust_sources

docs: rust ## write docs/compatibility.md and docs/safety.md from the tables, tests and sources
	NUMARS_WRITE_DOCS=1 RUST_TEST_THREADS=1 $(CARGO) test --quiet $(TESTS) --test docs

# --- installation ----------------------------------------------------------------------------------------------------
#
# What would stand in libnuma's way lies in a folder of its own: the headers in include/numars, the libnuma.so.1 flavour and
# numa.pc in lib/numars.
#
# Root may have no Rust, and is to leave no file of its own here: what is installed is copied, and nothing is built. DESTDIR may have any
# name.

# $(call at,PATH): where that is installed.
at = $(call quote,$(DESTDIR)$(1))

# These paths are written into scripts and .pc files.
FOLDERS_ARE_USABLE = sh bin/check-folders.sh $(foreach name,$(FOLDERS),$(name) $(call quote,$($(name))))

THERE_IS_A_BUILD = refuse() { echo "$$1. Run make first, as a user with Rust installed; make install only copies files." >&2; exit 1; }; \
	test -e $(BUILD)/built || refuse "Nothing is built yet"; \
	newer=`find Cargo.toml Cargo.lock Makefile libnumars.map src crates -type f -newer $(BUILD)/built | head -n 1`; \
	test -z "$$newer" || refuse "$$newer is newer than what was built"

# $(call INSTALL_LIBRARY,NAME,FOLDER): a shared library, under its SONAME and the name that a linker looks for too.
INSTALL_LIBRARY = $(INSTALL) -m 755 $(BUILD)/$(1).so.$(SOVERSION) $(call at,$(2)) && \
	ln -sf $(1).so.$(SOVERSION) $(call at,$(2)/$(1).so.1) && ln -sf $(1).so.1 $(call at,$(2)/$(1).so)

# $(call INSTALL_FILLED_IN,MODE,TEMPLATE,PATH,EDITS): a file with the folders in place of their names. The mode is as said, whatever
# umask(2) is.
INSTALL_FILLED_IN = rm -f $(call at,$(3)) && sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@LIBNUMA_VERSION@|$(LIBNUMA_VERSION)|' $(4) $(2) >$(call at,$(3)) && chmod $(1) $(call at,$(3))
# For pkg-config, which may be given another prefix.
BY_PREFIX := -e '/dir=/s|=$(PREFIX)/|=$${prefix}/|'

define INSTALL_FILES
@$(FOLDERS_ARE_USABLE)
@$(THERE_IS_A_BUILD)
$(INSTALL) -d $(foreach folder,$(LIBDIR)/pkgconfig $(LIBDIR)/numars/pkgconfig $(INCLUDEDIR)/numars $(BINDIR) \
	$(addprefix $(MANDIR)/man,1 3 7),$(call at,$(folder)))
$(call INSTALL_LIBRARY,libnumars,$(LIBDIR))
$(INSTALL) -m 644 $(BUILD)/libnumars.a $(call at,$(LIBDIR))
$(call INSTALL_LIBRARY,libnuma,$(LIBDIR)/numars)
ln -sf ../libnumars.a $(call at,$(LIBDIR)/numars/libnuma.a)
$(call INSTALL_FILLED_IN,644,pkgconfig/numars.pc.in,$(LIBDIR)/pkgconfig/numars.pc,$(BY_PREFIX))
$(call INSTALL_FILLED_IN,644,pkgconfig/numa.pc.in,$(LIBDIR)/numars/pkgconfig/numa.pc,$(BY_PREFIX))
$(INSTALL) -m 644 $(HEADERS) $(call at,$(INCLUDEDIR)/numars)
$(call INSTALL_FILLED_IN,755,bin/numars-run.in,$(BINDIR)/numars-run)
for page in $(MANUALS); do $(INSTALL) -m 644 $$page $(call at,$(MANDIR))/man$${page##*.} || exit 1; done
for page in $(addprefix $(MANDIR)/man3/,$(MANUAL_LINKS:=.3)); do page=$(call at,)$$page && rm -f "$$page" && \
	echo '.so man3/numars_move_pages.3' >"$$page" && chmod 644 "$$page" || exit 1; done
endef

# $(call UPDATE_CACHE,PATH): for the library at PATH; after it was removed, without.
UPDATE_CACHE = $(if $(LDCONFIG),@LDCONFIG=$(call quote,$(LDCONFIG)) sh bin/loader-cache.sh $(call quote,$(DESTDIR)) $(1))

# What another libnuma may have in the folders that install-dropin uses. Each file of numars has one of the marks.
DROPIN_FILES = $(addprefix $(LIBDIR)/,libnuma.so libnuma.so.1 libnuma.so.$(SOVERSION) libnuma.a pkgconfig/numa.pc) \
	$(addprefix $(INCLUDEDIR)/,$(notdir $(HEADERS)))
# $(call NO_OTHER_LIBNUMA,ADVICE): ends if it has.
NO_OTHER_LIBNUMA = for path in $(DROPIN_FILES); do path=$(call at,)$$path; \
	if test -h "$$path" || test -e "$$path"; then \
		grep -qs -e numars_version -e 'Part of numars' -e "numars' numa.h" -e crates/numars "$$path" || readlink "$$path" | grep -qx libnumars.a || \
			{ printf '%s\n' "$$path is another libnuma's: $(1)." >&2; exit 1; }; \
	fi; done

# What INSTALL_FILES installs. Other packages may have files in the same folders.
INSTALLED = $(addprefix $(LIBDIR)/,$(foreach name,libnumars numars/libnuma,$(addprefix $(name).,so so.1 so.$(SOVERSION) a)) \
	pkgconfig/numars.pc numars/pkgconfig/numa.pc) $(addprefix $(INCLUDEDIR)/numars/,$(notdir $(HEADERS))) $(BINDIR)/numars-run \
	$(foreach page,$(notdir $(MANUALS)) $(MANUAL_LINKS:=.3),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))

# With make -j too.
install install-dropin: $(filter all,$(MAKECMDGOALS))

install: ## install what was built to PREFIX (LIBDIR, INCLUDEDIR, DESTDIR)
	$(INSTALL_FILES)
	$(call UPDATE_CACHE,$(LIBDIR)/libnumars.so.1)

install-dropin: ## the same, and in libnuma's place: PREFIX has its library, headers and numa.pc
	@$(FOLDERS_ARE_USABLE)
	@$(call NO_OTHER_LIBNUMA,remove that first or choose another PREFIX or LIBDIR)
	$(INSTALL_FILES)
	$(call INSTALL_LIBRARY,libnuma,$(LIBDIR))
	ln -sf libnumars.a $(call at,$(LIBDIR)/libnuma.a)
	$(call INSTALL_FILLED_IN,644,pkgconfig/numa.pc.in,$(LIBDIR)/pkgconfig/numa.pc,$(BY_PREFIX) $(IN_LIBNUMAS_PLACE))
	$(INSTALL) -m 644 $(HEADERS) $(call at,$(INCLUDEDIR))
	$(call UPDATE_CACHE,$(LIBDIR)/libnuma.so.1)

# Of a libnuma that is numars: its files are where libnuma's would be.
IN_LIBNUMAS_PLACE := -e '/dir=/s|/numars$$||' -e 's| -Wl,-rpath,[^ ]*||' -e '/^\#/d'

# The installed library as the tests and the demo use it.
STAGE := $(CURDIR)/target/stage
.PHONY: stage usable-stage
usable-stage:
	@sh bin/check-folders.sh 'The folder for make demo and the tests' $(call quote,$(STAGE))
stage: usable-stage all
	@$(MAKE) --no-print-directory install DESTDIR= LDCONFIG= PREFIX=$(call quote,$(STAGE)) LIBDIR=$(call quote,$(STAGE)/lib) \
		INCLUDEDIR=$(call quote,$(STAGE)/include) BINDIR=$(call quote,$(STAGE)/bin) MANDIR=$(call quote,$(STAGE)/share/man)

uninstall: ## remove what install put there
	@$(FOLDERS_ARE_USABLE)
	@! readlink $(call at,$(LIBDIR)/libnuma.a) | grep -qx libnumars.a || \
		{ echo "numars is in libnuma's place: run make uninstall-dropin, which removes that too." >&2; exit 1; }
	rm -f $(foreach path,$(INSTALLED),$(call at,$(path)))
	@rmdir $(foreach folder,$(LIBDIR)/numars/pkgconfig $(LIBDIR)/numars $(INCLUDEDIR)/numars,$(call at,$(folder))) 2>/dev/null || true
	$(call UPDATE_CACHE)

uninstall-dropin: ## remove what install-dropin put there
	@$(FOLDERS_ARE_USABLE)
	@$(call NO_OTHER_LIBNUMA,nothing is removed)
	rm -f $(foreach path,$(DROPIN_FILES),$(call at,$(path)))
	@$(MAKE) --no-print-directory uninstall

# --- the commands of README.md ---------------------------------------------------------------------------------------

.PHONY: readme-test

readme-test: ## run the commands of README.md in a clean Debian tree, as a user and as root: N passed, N failed
	@tests/setup.sh test && tests/setup.sh deb-test && tests/readme.sh

# --- Debian packages -------------------------------------------------------------------------------------------------
#
# Built in a copy of the sources, so that nothing but target changes: of the files that git knows, as they are in the work tree, or of
# all files where the sources are not git's, such as those of `git archive`.

.PHONY: deb deb-test

DEB := target/deb
DEB_SOURCES := $(DEB)/numars-$(VERSION)

# -d: the compiler need not be Debian's, which is too old in some releases. What make hands down to a make that it starts would
# reach the one of the packages, which lays out files in its own way.
deb: ## build Debian packages into target/deb (docs/packaging.md)
	@tests/setup.sh deb
	@rm -rf $(DEB)/numars-[0-9]* $(DEB)/*.deb $(DEB)/*.buildinfo $(DEB)/*.changes && mkdir -p $(DEB_SOURCES)
	@if [ -e .git ]; then git ls-files -z; else find . -name target -prune -o ! -type d -print0; fi >$(DEB)/sources
	@tar -c --null --files-from=$(DEB)/sources | tar -x --directory=$(DEB_SOURCES)
	@cd $(DEB_SOURCES) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc -d >../build.log 2>&1 || { cat ../build.log; exit 1; }
	@ls $(DEB)/*.deb

deb-test: deb ## install the packages into a clean Debian tree, and remove them: N passed, N failed
	@tests/setup.sh deb-test && tests/deb.sh

# --- preloaded into everything ---------------------------------------------------------------------------------------

.PHONY: everywhere-test

# CASES: families of cases, or cases, as FAMILY/CASE.
everywhere-test: all ## preload the library into every program of a Debian tree, and compare what programs do: N passed, N failed (CASES)
	@tests/setup.sh everywhere && tests/everywhere.sh $(CASES)

# --- demo and tests --------------------------------------------------------------------------------------------------

.PHONY: demo test test-long c-tests host-test debug-library debug-test debug-vm-test memcheck sanitize vm-test vm

STAGED = PKG_CONFIG_PATH=$(call quote,$(STAGE)/lib/pkgconfig) LD_LIBRARY_PATH=$(call quote,$(STAGE)/lib)
GUEST := target/release/vm
KERNELS ?= 6.1 6.12

vm: rust
	@$(CARGO) build --quiet $(TESTS) --release --package numars-vm

# Pages can only move where there are nodes: on a machine with one, the demo boots the four-node guest.
demo: ## move pages between nodes and draw where they are
	@tests/setup.sh demo && mkdir -p target
	@$(MAKE) --no-print-directory stage >target/demo.log 2>&1 || { cat target/demo.log; exit 1; }
	$(STAGED); export PKG_CONFIG_PATH; $(CC) -O2 -o target/page_map examples/page_map.c $$($(PKG_CONFIG) --cflags --libs numars)
	@if grep -qs '[-,]' /sys/devices/system/node/has_memory; then \
		$(STAGED) target/page_map; \
	elif $(MAKE) --no-print-directory vm && $(GUEST) fetch --kernel 6.12; then \
		echo "This machine has one NUMA node, so here is a guest that has four."; \
		if [ -t 1 ]; then colours="--env CLICOLOR_FORCE=1"; fi; \
		$(STAGED) $(GUEST) run --kernel 6.12 --shape four-nodes $$colours -- target/page_map; \
	else \
		echo "This machine has one NUMA node, and a guest with four is not to be had (see above)."; \
		$(STAGED) target/page_map; \
	fi

test: ## run every check: N passed, N failed (VM=no: without the guest)
	@tests/run.sh

# The oldest kernel that Debian still has. It reports pages that stay, and pages named twice, in other ways than newer ones: what
# asserts those, or compares moves with the bare call, does not run on it.
OLDEST := 5.10
OLDEST_SKIP := $(addprefix $(OLDEST):four-nodes/,compared_with_kernel numa_move_pages numars_move_pages page_kinds page_status pinned_pages)
test-long: ## the same, all of it and longer on every kernel, and on the oldest and the newest too
	@KERNELS="$(OLDEST) $(KERNELS) newest" SKIP="$(OLDEST_SKIP)" TEST_SECONDS=60 CK_TIMEOUT_MULTIPLIER=8 TIMEOUT=1200 tests/run.sh

# Each C file in tests-c/FOLDER is a program; the folder says where it runs: tests-c/README.md.
C_TESTS := $(patsubst tests-c/%.c,target/tests-c/%,$(filter-out tests-c/support/%,$(wildcard tests-c/*/*.c)))
C_TEST_SUPPORT := $(wildcard tests-c/support/*.c)
C_TEST_HEADERS := $(wildcard tests-c/support/*.h)
C_TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -O1 -g
# A thread that is cancelled needs libgcc_s, which libc loads by itself; the guest has what its programs are linked with.
C_TEST_LIBRARIES := -Wl,--push-state,--no-as-needed -lgcc_s -Wl,--pop-state

# What they share is compiled once, with the same flags, and kept.
C_TEST_OBJECTS := $(C_TEST_SUPPORT:tests-c/support/%.c=target/c-support/%.o)
SANITIZED_OBJECTS := $(C_TEST_OBJECTS:target/%=target/sanitized/%)
.SECONDARY: $(C_TEST_OBJECTS) $(SANITIZED_OBJECTS)
COMPILE_C_TEST = @mkdir -p $(@D); $(STAGED); export PKG_CONFIG_PATH; $(CC) $(C_TEST_FLAGS) -Itests-c/support \
	$$($(PKG_CONFIG) --cflags numars check)

c-tests: stage
	@$(MAKE) --no-print-directory -j2 $(C_TESTS)

target/c-support/%.o: tests-c/support/%.c $(C_TEST_HEADERS) $(HEADERS)
	$(COMPILE_C_TEST) -c -o $@ $<

target/tests-c/%: tests-c/%.c $(C_TEST_OBJECTS) $(C_TEST_HEADERS) $(BUILD)/libnumars.so.$(SOVERSION)
	$(COMPILE_C_TEST) -o $@ $(filter %.c %.o,$^) $$($(PKG_CONFIG) --libs numars check) $(C_TEST_LIBRARIES)

host-test: c-tests vm ## run the C tests that need no nodes on this machine
	@$(STAGED) $(GUEST) test --host target/tests-c

# The same programs, on a library that checks its own assertions and its arithmetic: what "cannot happen" ends them there. That shows as a
# failed test, with the line of the source.
DEBUG := target/debug-library
DEBUG_LIBRARY := CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true

debug-library:
	@$(DEBUG_LIBRARY) $(MAKE) --no-print-directory BUILD=$(DEBUG) $(DEBUG)/libnumars.so.$(SOVERSION)

debug-test: c-tests vm debug-library ## run the C tests that need no nodes on a library with debug assertions
	@LD_LIBRARY_PATH=$(call quote,$(abspath $(DEBUG))) $(GUEST) test --host target/tests-c

debug-vm-test: c-tests vm debug-library ## run the others on it in the guest (KERNEL)
	@LD_LIBRARY_PATH=$(call quote,$(abspath $(DEBUG))) $(GUEST) test --kernel $(KERNEL) --jobs 2 --timeout 1200 --skip $(KERNEL):any/ \
		--env CK_TIMEOUT_MULTIPLIER=$(CK_TIMEOUT_MULTIPLIER) target/tests-c

# Of these, memcheck would take minutes for sets of 2^31 bits, it lets one thread run at a time, it puts its own malloc in place of a
# program's, it takes what a call has left on the stack for gone, and it needs the kernel's files and memory itself, and its calls to
# succeed.
UNCHECKED := errno_after_failed_calls huge_sets initialization many_threads missing_sources own_malloc hash_collisions bad_sysfs out_of_memory
memcheck: c-tests ## run the C tests that need no nodes under valgrind's memcheck
	@tests/memcheck.sh $(call quote,$(STAGE)/lib) $(filter-out $(addprefix %/,$(UNCHECKED)),$(filter target/tests-c/any/%,$(C_TESTS)))

# Two guests at a time: most tests keep one processor busy. What takes minutes runs on one kernel, or on this machine alone; in
# `make test-long` on all.
SKIP ?= $(addprefix 6.1:,shared-cpus/ devices/) \
	$(addprefix 6.1:four-nodes/,compared_with_kernel numa_move_pages_concurrent numars_move_ adversary arrays_of_any_memory holes large_folios) \
	$(addprefix 6.1:four-nodes/,progress_of_huge_pages several_batches swap_and_memory_limits user_namespaces) \
	$(addprefix 6.1:any/,many_threads missing_sources fault_injection bad_sysfs out_of_memory policy_denied) \
	$(foreach kernel,$(KERNELS),$(kernel):gigantic-pages/) \
	$(foreach kernel,$(KERNELS),$(addprefix $(kernel):any/,bad_input errno_after_failed_calls huge_sets threads_and_processes hash_collisions bad_sysfs out_of_memory))
# The emulated machine is slow, and slower when this one is busy.
CK_TIMEOUT_MULTIPLIER ?= 3
# Seconds for a program.
TIMEOUT ?= 300
vm-test: c-tests vm ## run the C tests in the guest (KERNELS)
	@$(STAGED) $(GUEST) test --jobs 2 --timeout $(TIMEOUT) $(addprefix --skip ,$(SKIP)) $(addprefix --kernel ,$(KERNELS)) \
		$(foreach name,TEST_SECONDS CK_TIMEOUT_MULTIPLIER,$(addprefix --env $(name)=,$($(name)))) target/tests-c

# All of them; `make test` runs numactl's alone.
.PHONY: programs
programs: stage vm ## run programs of Debian's packages in the guest on libnuma and on numars, and write docs/programs.md
	@NUMARS_WRITE_DOCS=1 $(CARGO) test --quiet $(TESTS) --test real_programs -- --ignored --test-threads 2

# --- races -----------------------------------------------------------------------------------------------------------
#
# ThreadSanitizer knows atomics, which helgrind takes for races. The stable compiler has it behind a lock that the bootstrap
# variable opens; what core itself has is not watched, but what is inlined from there is.

.PHONY: races

# Copies of memory are libc's, which is watched as well: its runtime lacks the functions that newer compilers call instead.
RACE_FLAGS := -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer -Cllvm-args=-tsan-instrument-memintrinsics=0
RACES := target/races
RACE_TEST := tests-c/any/many_threads.c

races: stage ## 64 threads that call everything, under ThreadSanitizer (TEST_SECONDS)
	@RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(RACE_FLAGS)" $(MAKE) --no-print-directory \
		BUILD=$(RACES) TARGET=$(RUST_HOST) CFLAGS=-fsanitize=thread $(RACES)/libnumars.so.$(SOVERSION)
	@$(STAGED); export PKG_CONFIG_PATH; $(CC) $(C_TEST_FLAGS) -fsanitize=thread -Itests-c/support -o $(RACES)/many_threads \
		$(RACE_TEST) $(C_TEST_SUPPORT) $(RACES)/libnumars.so.1 $$($(PKG_CONFIG) --cflags numars) $$($(PKG_CONFIG) --libs check)
	LD_LIBRARY_PATH=$(RACES) TSAN_OPTIONS=suppressions=tests/races.supp $(RACES)/many_threads

# --- accesses to memory ----------------------------------------------------------------------------------------------
#
# AddressSanitizer sees every access of the library and of the tests. The library also checks its arithmetic and its own assertions,
# and the tests have UBSan. The switch is as for races.

.PHONY: sanitize sanitize-vm sanitized

SANITIZED := target/sanitized
SANITIZED_FLAGS := -Zsanitizer=address -Cdebug-assertions -Coverflow-checks
# The sanitizer's own signal stacks lie where it takes the frames of a cancelled thread to be still.
SANITIZER_OPTIONS := allocator_may_return_null=1:use_sigaltstack=0
# Some have a malloc of their own, which is the sanitizer's business here, let calls fail that it needs, hide the files that it needs,
# run a setgid program, of which it cannot read its options, or ask about each page of a process, of which it maps terabytes.
UNSANITIZED := errno_after_failed_calls missing_sources own_malloc bad_sysfs out_of_memory privileges page_zero numars_move_process
SANITIZED_TESTS := $(addprefix $(SANITIZED)/,$(filter-out $(addprefix %/,$(UNSANITIZED)),$(C_TESTS:target/%=%)))

sanitized: stage vm
	@RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(SANITIZED_FLAGS)" $(MAKE) --no-print-directory \
		BUILD=$(SANITIZED) TARGET=$(RUST_HOST) CFLAGS=-fsanitize=address $(SANITIZED)/libnumars.so.$(SOVERSION)
	@$(MAKE) --no-print-directory -j2 $(SANITIZED_TESTS)

sanitize: sanitized ## run the C tests that need no nodes under AddressSanitizer
	@LD_LIBRARY_PATH=$(SANITIZED) ASAN_OPTIONS=$(SANITIZER_OPTIONS) $(GUEST) test --host --timeout 300 $(SANITIZED)/tests-c

# These leave their sets to the end of their process: only bad accesses count.
sanitize-vm: sanitized ## the others, in the guest (KERNEL)
	@LD_LIBRARY_PATH=$(call quote,$(abspath $(SANITIZED))) $(GUEST) test --kernel $(KERNEL) --jobs 2 --timeout 1200 --skip $(KERNEL):any/ \
		--env CK_TIMEOUT_MULTIPLIER=8 --env ASAN_OPTIONS=$(SANITIZER_OPTIONS):detect_leaks=0 $(SANITIZED)/tests-c

SANITIZE_C := -fsanitize=address,undefined -fno-sanitize-recover=all

$(SANITIZED)/c-support/%.o: tests-c/support/%.c $(C_TEST_HEADERS) $(HEADERS)
	$(COMPILE_C_TEST) $(SANITIZE_C) -c -o $@ $<

$(SANITIZED)/tests-c/%: tests-c/%.c $(SANITIZED_OBJECTS) $(C_TEST_HEADERS) $(SANITIZED)/libnumars.so.$(SOVERSION)
	$(COMPILE_C_TEST) $(SANITIZE_C) -o $@ $(filter %.c %.o,$^) $(SANITIZED)/libnumars.so.1 $$($(PKG_CONFIG) --libs check)

# --- fuzzing ---------------------------------------------------------------------------------------------------------
#
# libFuzzer with AddressSanitizer, whose switch is not stable: RUSTC_BOOTSTRAP=1 makes a stable rustc take it. The other flags
# count which branches are reached, as cargo fuzz does. What is found beyond the seeds stays in target/fuzz.

.PHONY: fuzz fuzz-build fuzz-seeds

FUZZ_TARGETS ?= $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
FUZZ_SECONDS ?= 1200
FUZZ_BUILD = target/fuzz/$(RUST_HOST)/release
FUZZ_FLAGS := --cfg fuzzing -Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
	$(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)

fuzz-build:
	@tests/setup.sh test
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --quiet --locked --release --manifest-path fuzz/Cargo.toml \
		--target-dir target/fuzz --target $(RUST_HOST)

fuzz: fuzz-build ## look for bad input, FUZZ_SECONDS (1200) for each of FUZZ_TARGETS
	@for target in $(FUZZ_TARGETS); do \
		echo "--- $$target" && mkdir -p target/fuzz/corpus/$$target target/fuzz/found && \
		$(FUZZ_BUILD)/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=4096 -print_final_stats=1 \
			-artifact_prefix=target/fuzz/found/$$target- target/fuzz/corpus/$$target fuzz/seeds/$$target || exit 1; \
	done

# Only inputs that reach a branch which no other does: few enough to be read, and to be replayed by `make test`.
fuzz-seeds: fuzz-build ## add to fuzz/seeds what `make fuzz` found and reaches more
	@for target in $(FUZZ_TARGETS); do \
		$(FUZZ_BUILD)/$$target -set_cover_merge=1 -use_counters=0 -use_cmp=0 fuzz/seeds/$$target target/fuzz/corpus/$$target || exit 1; \
	done

# Undefined behaviour that no processor shows. Of what calls the kernel, Miri knows little: the rest is here.
.PHONY: miri

MIRI_TESTS ?= bitmask:: nodestring:: migrate::remap:: migrate::tests:: topology::text:: fuzzing::tests::
miri: ## run the unit tests of bit sets, parsers and the mover under Miri, which needs a nightly toolchain
	PROPTEST_CASES=3 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" $(CARGO) +nightly miri test --locked --manifest-path tests/Cargo.toml \
		--package numars --lib --target-dir target/miri -- $(MIRI_TESTS)

# --- benchmarks ------------------------------------------------------------------------------------------------------

.PHONY: bench

KERNEL ?= 6.12

BENCH_PROGRAMS := $(addprefix target/bench/,moves calls empty on_machine affinity.so)

bench: stage vm $(BENCH_PROGRAMS) ## measure calls beside libnuma, and moves of pages (KERNEL; BENCH=--part=calls, --quick, --help)
	@$(CARGO) build --quiet $(TESTS) --release --package numars-bench
	@$(STAGED) target/release/numars-bench --kernel $(KERNEL) $(BENCH)

BENCH_FLAGS := $(C_TEST_FLAGS) -O2

target/bench/moves: bench/moves.c $(BUILD)/libnumars.so.$(SOVERSION) | stage
	@mkdir -p $(@D)
	@$(STAGED); export PKG_CONFIG_PATH; $(CC) $(BENCH_FLAGS) -pthread -o $@ $< $$($(PKG_CONFIG) --cflags --libs numars)

# Compiled against libnuma, with its headers: whose library it then runs on is for the loader to say.
target/bench/calls: bench/calls.c
	@tests/setup.sh bench && mkdir -p $(@D)
	@$(CC) $(BENCH_FLAGS) -o $@ $< -lnuma

target/bench/%: bench/%.c
	@mkdir -p $(@D)
	@$(CC) $(BENCH_FLAGS) -o $@ $<

target/bench/%.so: bench/%.c
	@mkdir -p $(@D)
	@$(CC) $(BENCH_FLAGS) -shared -fPIC -o $@ $<
