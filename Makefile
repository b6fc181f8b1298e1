# SPDX-License-Identifier: Apache-2.0
# make            build/windsock            make test      all tests
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

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

MAIN := $(BUILD)/src/commands/main.o
LIBRARY_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(LIBRARY)))
DAEMON_OBJECTS := $(filter-out $(MAIN),$(patsubst %.c,$(BUILD)/%.o,$(call sources,$(DAEMON)))) \
                  $(BUILD)/builtin.o
ARCHIVES := $(BUILD)/libwindsockd.a $(BUILD)/libwindsock.a
UNITS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
CORPORA := $(patsubst fuzz/fuzz_%.c,$(BUILD)/tests/unit/test_corpus_%,$(wildcard fuzz/fuzz_*.c))
FUZZERS := $(patsubst fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard fuzz/fuzz_*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))

.PHONY: all deps run demo test capture drift e2e check-format lint fuzz bench dashboards clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/windsock

need = $(if $(filter no,$(DEPS)),true,sh packaging/deps.sh) $(1)

# Stamps: checking for packages is quick, but not checking is quicker.
$(BUILD)/deps: packaging/deps.sh
	@mkdir -p $(@D)
	$(Q)$(call need,build)
	@touch $@
$(BUILD)/deps-test: packaging/deps.sh | $(BUILD)/deps
	$(Q)$(call need,build test)
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

UNIT_MAIN := $(BUILD)/tests/unit/unit.o
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_MAIN) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(UNITS:=.o) $(UNIT_MAIN): | $(BUILD)/deps-test

# This test counts allocations.
$(BUILD)/tests/unit/test_ingest: ALL_LDFLAGS += \
  $(foreach f,malloc calloc realloc aligned_alloc,-Wl,--wrap=$f)

# Runs the corpora through the fuzz targets, with any compiler.
$(BUILD)/tests/unit/test_corpus_%: $(BUILD)/fuzz/replay.o $(BUILD)/fuzz/fuzz_%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The distribution's Python: it has what packaging/deps.sh installs.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
RUN = WINDSOCK=$(BUILD)/windsock $(PYTHON) tests/run.py

.PHONY: units
units: $(UNITS) $(CORPORA)
test: $(BUILD)/windsock units $(BUILD)/deps-test
	$(Q)$(RUN) $(sort $(wildcard tests/integration/test_*.py)) $(UNITS) $(CORPORA)

run: $(BUILD)/windsock
	@printf '%s\n' 'In airflow.cfg, under [metrics]:' '    statsd_on = True' \
	  '    statsd_host = localhost' '    statsd_port = 8125'
	$(Q)$(BUILD)/windsock $(ARGS)

demo: $(BUILD)/windsock
	$(Q)$(call need,demo)
	$(Q)$(PYTHON) packaging/demo.py $(BUILD)/windsock tests/data/airflow-2.11-plain.capture

capture:
	$(Q)tests/capture/capture.sh

# A real Airflow from PyPI sends, a real Prometheus scrapes.  Takes three minutes per mode.
MODES ?= plain influxdb dogstatsd
e2e: $(BUILD)/windsock $(BUILD)/deps-test
	$(Q)$(call need,e2e)
	$(Q)AIRFLOW='$(or $(AIRFLOW),2.11.0 newest)' MODES='$(MODES)' $(RUN) -j 1 tests/e2e/test_airflow.py

# After a new Airflow release: make drift AIRFLOW=3.3.2, or a site-packages with one.
drift: $(BUILD)/windsock
	$(Q)WINDSOCK=$(BUILD)/windsock $(PYTHON) tests/tools/drift.py $(or $(AIRFLOW),newest)

# Generates the Grafana dashboards from their sources; needs node and npm.
GRAFANA := packaging/monitoring/grafana
dashboards:
	$(Q)$(call need,slow)
	$(Q)cd $(GRAFANA)/src && npm ci --silent --no-audit --no-fund && node generate.js ../dashboards

# docs/dashboard-*.png, rendered by Grafana's own components from a real Prometheus.
.PHONY: pictures
pictures: $(BUILD)/windsock
	$(Q)$(call need,pictures monitoring)
	$(Q)WINDSOCK=$(BUILD)/windsock $(PYTHON) tests/tools/picture.py

# The monitoring stack with Debian's programs, on free ports.
.PHONY: monitoring-test
monitoring-test: $(BUILD)/windsock $(BUILD)/deps-test
	$(Q)$(call need,monitoring)
	$(Q)promtool check config packaging/monitoring/prometheus/prometheus.yml
	$(Q)amtool check-config packaging/monitoring/alertmanager/alertmanager.yml
	$(Q)$(RUN) -j 1 $(sort $(wildcard tests/monitoring/test_*.py))

check-format:
	$(Q)$(PYTHON) tests/tools/style.py

# Static checks; needs clang-tidy, cppcheck, shellcheck and pyflakes.
lint: check-format $(BUILD)/deps
	$(call say,LINT,shell)
	$(Q)git grep -lE '^#!/bin/(ba)?sh' | xargs shellcheck
	$(call say,LINT,python)
	$(Q)$(PYTHON) -m pyflakes $$(git ls-files '*.py')
	$(call say,LINT,cppcheck)
	$(Q)cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --error-exitcode=1 -j2 -D_GNU_SOURCE -Iinclude -Isrc src fuzz tests
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' src/*/*.c fuzz/*.c | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet "$$0" -- \
	  -std=c11 -D_GNU_SOURCE -DWINDSOCK_VERSION=\"\" -DWINDSOCK_REVISION=\"\" -Iinclude -Isrc \
	  $(PKG_CFLAGS) 2>$(BUILD)/tidy.$$$$ || { cat $(BUILD)/tidy.$$$$; exit 1; }'

# make fuzz FUZZ_SECONDS=600; needs clang.  A separate build, with coverage in every object.
FUZZ_SECONDS ?= 30
fuzz:
	$(Q)$(MAKE) BUILD=build/fuzzing CC=clang SANITIZE=address,undefined,fuzzer-no-link fuzzers
	$(Q)for f in $(FUZZERS:$(BUILD)/%=build/fuzzing/%); do \
	  name=$${f##*/fuzz_}; mkdir -p build/corpus/$$name fuzz/corpus/$$name; \
	  $$f -max_total_time=$(FUZZ_SECONDS) build/corpus/$$name fuzz/corpus/$$name || exit 1; \
	done
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
bench: $(BUILD)/windsock $(BENCHES)
	$(Q)for b in $(BENCHES); do echo "$$b"; $$b || exit 1; done

include packaging/image.mk
include packaging/install.mk
include packaging/release.mk
include packaging/deb.mk

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path '*/deb' -prune -o -type f -name '*.d' -print 2>/dev/null)
