# SPDX-License-Identifier: Apache-2.0
# make test       unit tests, corpora, integration tests
# make lint       what can be checked without running it
# make bench      benchmarks: cost per sample and per series
# make fuzz       libFuzzer, FUZZ_SECONDS for each target
# make e2e, monitoring-test, drift, capture, pictures, dashboards: docs/testing.md

.PHONY: test units capture e2e drift dashboards pictures monitoring-test check-format lint fuzz \
        fuzzers bench

UNITS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
CORPORA := $(patsubst fuzz/fuzz_%.c,$(BUILD)/tests/unit/test_corpus_%,$(wildcard fuzz/fuzz_*.c))
FUZZERS := $(patsubst fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard fuzz/fuzz_*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))
UNIT_MAIN := $(BUILD)/tests/unit/unit.o
RUN = WINDSOCK=$(BUILD)/windsock $(PYTHON) tests/run.py

$(BUILD)/deps-test: packaging/deps.sh | $(BUILD)/deps
	$(Q)$(call need,build test)
	@touch $@

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

units: $(UNITS) $(CORPORA)
test: $(BUILD)/windsock units $(BUILD)/deps-test
	@echo '  TEST  $(words $(UNITS) $(CORPORA)) unit tests, $(words $(wildcard \
	  tests/integration/test_*.py)) files of integration tests; takes a minute'
	$(Q)$(RUN) $(sort $(wildcard tests/integration/test_*.py)) $(UNITS) $(CORPORA)

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
pictures: $(BUILD)/windsock
	$(Q)$(call need,pictures monitoring)
	$(Q)WINDSOCK=$(BUILD)/windsock $(PYTHON) tests/tools/picture.py

# The monitoring stack with Debian's programs, on free ports.
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
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
bench: $(BUILD)/windsock $(BENCHES)
	$(Q)for b in $(BENCHES); do echo "$$b"; $$b || exit 1; done
