# SPDX-License-Identifier: Apache-2.0
# make: the library; make test: from bare, every test; make deps: what is missing from the
# distribution.  V=1 shows commands, WERROR=1 and SANITIZE=address,undefined are for CI.
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wformat=2 -Wimplicit-fallthrough -Wconversion $(if $(WERROR),-Werror)
HARDEN   = -fstack-protector-strong -fstack-clash-protection -fPIE
SAN      = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)
ALL      = -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -MMD -MP $(WARN) $(HARDEN) $(SAN) $(CFLAGS)
Q        = $(if $(V),,@)

LIB     := err hash arena buf num name line pattern matcher regex
TESTS   := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
BINS    := $(TESTS:%=$(BUILD)/tests/%)

all: $(BUILD)/libwindsock.a

deps:
	$(Q)sh tests/deps.sh

$(BUILD)/libwindsock.a: $(LIB:%=$(BUILD)/%.o)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: src/%.c
	$(Q)mkdir -p $(@D) && $(CC) $(ALL) -c $< -o $@

$(BUILD)/tests/%: tests/%.c $(BUILD)/libwindsock.a
	$(Q)mkdir -p $(@D) && $(CC) $(ALL) $< $(BUILD)/libwindsock.a -pie \
		-lcmocka -lpcre2-8 -lm -o $@

test: deps
	$(Q)$(MAKE) --no-print-directory $(BINS)
	$(Q)sh tests/run.sh $(BINS)

clean:
	$(Q)rm -rf $(BUILD)

.PHONY: all deps test clean
.SECONDARY:
-include $(wildcard $(BUILD)/*.d $(BUILD)/tests/*.d)
