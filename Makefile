# SPDX-License-Identifier: Apache-2.0
# make            build/windsock            make test      all tests; tests/tests.mk
# make demo       a made-up Airflow         make run       windsock, in the foreground
# make deps       what is needed            make install   uninstall; packaging/install.mk
# make dist       the tarball               make release-notes
# make rpm        for Fedora, EPEL          make image     for containers
# make deb        for Debian and Ubuntu     make sbom      build/windsock.spdx.json
# make html       the manual, build/docs
# V=1 shows commands; WERROR=1; SANITIZE=address,undefined or SANITIZE=thread; BUILD=directory
# DEPS=no installs nothing: for package builds

VERSION = 0.1.0
# The commit and its time.  A tarball's own record takes precedence over git.
COMMIT := $(shell grep -E '^[0-9a-f]{40,} [0-9]+$$' packaging/release/revision || \
            git log -1 --format='%H %ct' 2>/dev/null || echo unknown 0)
REVISION := $(shell echo $(COMMIT) | cut -c 1-12)

CC ?= cc
# CC=aarch64-linux-gnu-gcc cross-compiles with the tools of the same prefix.
CROSS := $(filter %-,$(patsubst %gcc,%,$(notdir $(firstword $(CC)))))
PKG_CONFIG ?= $(CROSS)pkg-config
ifeq ($(origin AR),default)
AR := $(CROSS)ar
endif
SANITIZE ?=
BUILD ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
comma := ,

# The folders of src/, bottom up; docs/architecture.md describes each.  The library is pure:
# no I/O, log, clock or exit.
LIBRARY := base statsd series rules exposition ingest
DAEMON := sys receive web daemon commands
sources = $(foreach wing,$(1),$(wildcard src/$(wing)/*.c))
$(if $(filter-out $(LIBRARY:%=src/%/) $(DAEMON:%=src/%/),$(wildcard src/*/)),$(error src/ has a \
  folder that is in neither LIBRARY nor DAEMON of the Makefile))

PACKAGES := libevent_core libmicrohttpd libpcre2-8 zlib inih libsystemd
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wformat=2 -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wdate-time \
            $(if $(WERROR),-Werror)
MACHINE := $(shell $(CC) -dumpmachine)
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE \
             $(if $(filter x86_64% i%86%,$(MACHINE)),-fcf-protection) \
             $(if $(filter aarch64%,$(MACHINE)),-mbranch-protection=standard) \
             $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
              -fno-sanitize-recover=all)

CFLAGS ?= -O2 -g
# For the same output in every build directory.
PREFIX_MAP ?= -ffile-prefix-map=$(CURDIR)=.
# Evaluated once, and only when something is built, since `make deps` may have to run first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)))$(PKG_LIBS)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Isrc $(PKG_CFLAGS) \
             $(CPPFLAGS) $(WARNINGS) $(HARDENING) $(SANITIZERS) $(PREFIX_MAP) -pthread -MMD -MP $(CFLAGS)
ALL_LDFLAGS = -fPIE -pie -Wl,-z,relro,-z,now -pthread $(SANITIZERS) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm $(LDLIBS)

# The distribution's Python: it has what packaging/deps.sh installs.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

MAIN := $(BUILD)/src/commands/main.o
LIBRARY_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(LIBRARY)))
DAEMON_OBJECTS := $(filter-out $(MAIN),$(patsubst %.c,$(BUILD)/%.o,$(call sources,$(DAEMON)))) \
                  $(BUILD)/builtin.o
ARCHIVES := $(BUILD)/libwindsockd.a $(BUILD)/libwindsock.a
.PHONY: all deps run demo clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/windsock

need = $(if $(filter no,$(DEPS)),true,sh packaging/deps.sh) $(1)

# Stamps: checking for packages is quick, but not checking is quicker.
$(BUILD)/deps: packaging/deps.sh
	@mkdir -p $(@D)
	$(Q)$(call need,build)
	@touch $@
deps:
	$(Q)sh packaging/deps.sh build test

$(BUILD)/windsock: $(MAIN) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libwindsock.a: $(LIBRARY_OBJECTS)
$(BUILD)/libwindsockd.a: $(DAEMON_OBJECTS)
$(BUILD)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/src/base/build.o: CPPFLAGS += -DWINDSOCK_VERSION='"$(VERSION)"' \
                                 -DWINDSOCK_REVISION='"$(REVISION)"'
$(BUILD)/src/base/build.o: $(BUILD)/revision
$(BUILD)/revision: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' > $@

$(BUILD)/%.o: %.c Makefile | $(BUILD)/deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/builtin.o: $(BUILD)/builtin.c
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The built-in mapping, as numbers, because the file may contain any byte.
$(BUILD)/builtin.c: mappings/airflow.ini Makefile
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)( echo '/* Made from $< by the Makefile. */'; \
	  echo 'extern const char builtin_airflow[];'; \
	  echo 'extern const unsigned long builtin_airflow_size;'; \
	  echo 'const char builtin_airflow[] = {'; \
	  od -An -v -t d1 $< | sed 's/\(-\{0,1\}[0-9]\{1,\}\)/\1,/g'; \
	  echo '0 };'; \
	  echo 'const unsigned long builtin_airflow_size = sizeof(builtin_airflow) - 1;' ) > $@

run: $(BUILD)/windsock
	@printf '%s\n' 'In airflow.cfg, under [metrics]:' '    statsd_on = True' \
	  '    statsd_host = localhost' '    statsd_port = 8125'
	$(Q)$(BUILD)/windsock $(ARGS)

demo: $(BUILD)/windsock
	$(Q)$(call need,demo)
	$(Q)$(PYTHON) packaging/demo.py $(BUILD)/windsock tests/data/airflow-2.11-plain.capture

include $(wildcard packaging/*.mk tests/*.mk)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path '*/deb' -prune -o -type f -name '*.d' -print 2>/dev/null)
