# Builds, installs and checks numars. `make help` lists what there is.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

CARGO ?= cargo
CC ?= cc
LD ?= ld
AR ?= ar
OBJCOPY ?= objcopy
INSTALL ?= install
PKG_CONFIG ?= pkg-config

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# The libnuma whose interface this is.
LIBNUMA_VERSION := 2.0.19
# The file behind the SONAME libnumars.so.1.
SOVERSION := 1.0.0

BUILD := target/c
LIBRARIES := $(BUILD)/libnumars.so.$(SOVERSION) $(BUILD)/libnuma.so.$(SOVERSION) $(BUILD)/libnumars.a
PKGCONFIG := $(BUILD)/numars.pc $(BUILD)/numa.pc
HEADERS := $(wildcard include/*.h)

.DELETE_ON_ERROR:
.PHONY: all install uninstall headers clean help

all: $(LIBRARIES) $(PKGCONFIG) ## build the libraries and the pkg-config files (default)

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | column -t -s '	'

clean: ## remove everything that was built
	$(CARGO) clean

# --- the library -----------------------------------------------------------------------------------------------------
#
# `cargo build --release` makes a versioned library too, but needs lld for it, and the archive that rustc makes holds more
# than C programs should see. So what is installed is made here with the system's linker, whichever it is: cargo compiles, ld
# puts what is needed into one object, objcopy hides what is not ours to export, and the object becomes the archive and,
# with the version script, both shared libraries.

EXPORTS := $(shell sed -n 's/^ *\([a-z0-9_]*\);$$/\1/p' libnumars.map)
# As in libnuma: a program may define these itself.
WEAK := get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node numa_error numa_warn

# cargo knows what is out of date; the copy keeps its time when nothing changed.
.PHONY: cargo
cargo:
	$(CARGO) rustc --quiet --locked --release --lib --crate-type staticlib --no-default-features --features capi \
		--target-dir $(BUILD)/cargo
$(BUILD)/rust.a: cargo
	@cmp -s $(BUILD)/cargo/release/libnumars.a $@ || cp $(BUILD)/cargo/release/libnumars.a $@

$(BUILD)/numars.o: $(BUILD)/rust.a libnumars.map Makefile
	$(LD) -r -o $@ $(addprefix -u ,$(EXPORTS)) $<
	$(OBJCOPY) $(addprefix --keep-global-symbol=,$(EXPORTS)) $(addprefix --weaken-symbol=,$(WEAK)) $@

$(BUILD)/libnumars.a: $(BUILD)/numars.o
	rm -f $@
	$(AR) rcsD $@ $<

# Two flavours: a preloaded library replaces libnuma.so.1 only under that SONAME.
$(BUILD)/lib%.so.$(SOVERSION): $(BUILD)/numars.o libnumars.map
	$(CC) $(CFLAGS) -shared -o $@ $< -Wl,-soname,lib$*.so.1 -Wl,--version-script=libnumars.map -Wl,--gc-sections \
		-Wl,-z,relro -Wl,-z,now -Wl,-z,defs -Wl,-O1 $(LDFLAGS)
	ln -sf lib$*.so.$(SOVERSION) $(BUILD)/lib$*.so.1
	ln -sf lib$*.so.1 $(BUILD)/lib$*.so

# Made anew each time: the folders may have changed.
.PHONY: $(PKGCONFIG)
$(PKGCONFIG): $(BUILD)/%.pc: pkgconfig/%.pc.in
	@mkdir -p $(BUILD)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' -e 's|@LIBNUMA_VERSION@|$(LIBNUMA_VERSION)|' $< > $@

headers: ## write include/*.h anew from the Rust sources
	NUMARS_WRITE_HEADERS=1 $(CARGO) test --quiet --locked -p numars-tests --test headers

# --- installation ----------------------------------------------------------------------------------------------------
#
# What would stand in libnuma's way lies in a folder of its own: the headers in include/numars, the libnuma.so.1 flavour and
# numa.pc in lib/numars.

install: all ## install to PREFIX (LIBDIR, INCLUDEDIR, DESTDIR)
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(LIBDIR)/numars/pkgconfig $(DESTDIR)$(INCLUDEDIR)/numars
	$(INSTALL) -m 755 $(BUILD)/libnumars.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)
	ln -sf libnumars.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libnumars.so.1
	ln -sf libnumars.so.1 $(DESTDIR)$(LIBDIR)/libnumars.so
	$(INSTALL) -m 644 $(BUILD)/libnumars.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(BUILD)/libnuma.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/numars
	ln -sf libnuma.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/numars/libnuma.so.1
	ln -sf libnuma.so.1 $(DESTDIR)$(LIBDIR)/numars/libnuma.so
	$(INSTALL) -m 644 $(BUILD)/numars.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 $(BUILD)/numa.pc $(DESTDIR)$(LIBDIR)/numars/pkgconfig
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/numars

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libnumars.so libnumars.so.1 libnumars.so.$(SOVERSION) libnumars.a)
	rm -f $(DESTDIR)$(LIBDIR)/pkgconfig/numars.pc
	rm -rf $(DESTDIR)$(LIBDIR)/numars $(DESTDIR)$(INCLUDEDIR)/numars
