# SPDX-License-Identifier: Apache-2.0
# make install, make uninstall.  Set DESTDIR, PREFIX, and the directories of the GNU coding
# standards, also in lower case (bindir=/opt/bin).

PREFIX ?= $(or $(prefix),/usr/local)
EXEC_PREFIX ?= $(or $(exec_prefix),$(PREFIX))
BINDIR ?= $(or $(bindir),$(EXEC_PREFIX)/bin)
DATAROOTDIR ?= $(or $(datarootdir),$(PREFIX)/share)
DATADIR ?= $(or $(datadir),$(DATAROOTDIR))
MANDIR ?= $(or $(mandir),$(DATAROOTDIR)/man)
DOCDIR ?= $(or $(docdir),$(DATAROOTDIR)/doc/windsock)
# Not below PREFIX: AppArmor and the service manager only look here.
SYSCONFDIR ?= $(or $(sysconfdir),/etc)
# Directories that the standards do not define.
UNITDIR ?= $(or $(systemdsystemunitdir),$(PREFIX)/lib/systemd/system)
APPARMORDIR ?= $(SYSCONFDIR)/apparmor.d
DEFAULTDIR ?= $(SYSCONFDIR)/default
BASHCOMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
ZSHCOMPLETIONDIR ?= $(DATADIR)/zsh/site-functions
FISHCOMPLETIONDIR ?= $(DATADIR)/fish/vendor_completions.d
# Only used by windsock: uninstall removes them if they are empty.
PKGDATADIR = $(DATADIR)/windsock
PKGCONFDIR = $(SYSCONFDIR)/windsock

# The manual pages as HTML, made and installed where mandoc is available.  Pages link to pages in
# the same directory.
HTML := $(patsubst docs/%,$(BUILD)/docs/%.html,$(wildcard docs/*.[58]))
MANUAL_HTML = $(if $(shell command -v mandoc),$(HTML))

# Replaces the paths of a distribution's package in texts with the installed ones.
RELOCATE = sed -e 's|/usr/bin/windsock|$(BINDIR)/windsock|g' \
  -e 's|/usr/share/windsock|$(PKGDATADIR)|g' -e 's|/usr/share/doc/windsock|$(DOCDIR)|g' \
  -e 's|/etc/windsock|$(PKGCONFDIR)|g' -e 's|/etc/apparmor.d/|$(APPARMORDIR)/|g' \
  -e 's|/etc/default/windsock|$(DEFAULTDIR)/windsock|g'

# mode:source:destination.  After the mode, `t` marks a text to relocate, `c` a configuration file,
# which is neither replaced nor removed if it was changed.
one = $(1):$(2):$(3)
listed = $(foreach f,$(2),$(1):$(f):$(3)/$(notdir $(f)))
all_of = $(call listed,$(1),$(sort $(wildcard $(2))),$(3))
tree = $(foreach f,$(sort $(shell find $(2) -type f $(4) -not -name '.env' \
  -not -path '*/node_modules/*' -not -path '*/grafana/src/*' -not -path '*/__pycache__/*')),\
  $(1):$(f):$(3)/$(f:$(2)/%=%))
manual = $(foreach s,5 8,$(call all_of,644t,docs/*.$(s),$(MANDIR)/man$(s)))

INSTALLED = \
  $(call one,755,$(BUILD)/windsock,$(BINDIR)/windsock) \
  $(call all_of,644,mappings/*.ini,$(PKGDATADIR)/mappings) \
  $(call all_of,755,packaging/tools/*.py,$(PKGDATADIR)/tools) \
  $(foreach d,kubernetes monitoring,\
    $(call tree,644t,packaging/$(d),$(PKGDATADIR)/$(d),-not -perm /111) \
    $(call tree,755,packaging/$(d),$(PKGDATADIR)/$(d),-perm /111)) \
  $(manual) \
  $(call all_of,644,docs/*.md docs/*.png docs/*.svg,$(DOCDIR)) \
  $(call listed,644,$(MANUAL_HTML),$(DOCDIR)) \
  $(call all_of,644,README.md CHANGELOG.md LICENSE,$(DOCDIR)) \
  $(call all_of,644t,packaging/systemd/*.service packaging/systemd/*.socket,$(UNITDIR)) \
  $(call one,644t,packaging/apparmor/windsock,$(APPARMORDIR)/windsock) \
  $(call one,644,packaging/completion/windsock.bash,$(BASHCOMPLETIONDIR)/windsock) \
  $(call one,644,packaging/completion/_windsock,$(ZSHCOMPLETIONDIR)/_windsock) \
  $(call one,644,packaging/completion/windsock.fish,$(FISHCOMPLETIONDIR)/windsock.fish) \
  $(call one,644c,packaging/config/windsock.ini,$(PKGCONFDIR)/windsock.ini) \
  $(call one,644c,packaging/config/windsock.default,$(DEFAULTDIR)/windsock)

# For each entry of INSTALLED: the text to install, in $$new.
each = set -e; tmp=$$(mktemp -d); trap 'rm -rf $$tmp' EXIT; for entry in $(INSTALLED); do \
  mode=$${entry%%:*}; rest=$${entry\#*:}; new=$${rest%%:*}; at='$(DESTDIR)'$${rest\#*:}; \
  case $$mode in *[tc]) $(RELOCATE) $$new >$$tmp/new; new=$$tmp/new ;; esac
changed = case $$mode in *c) [ -e $$at ] && ! cmp -s $$new $$at ;; *) false ;; esac

.PHONY: install uninstall
install: $(BUILD)/windsock $(MANUAL_HTML)
	$(Q)$(each); \
	  if $(changed); then echo "kept, because it was changed: $$at"; continue; fi; \
	  echo "  $$at"; install -D -m $${mode%[tc]} $$new $$at; \
	done
uninstall: MANUAL_HTML = $(HTML)
uninstall:
	$(Q)$(each); \
	  if $(changed); then echo "kept, because it was changed: $$at"; continue; fi; \
	  rm -f $$at; \
	done; \
	find '$(DESTDIR)$(PKGDATADIR)' '$(DESTDIR)$(DOCDIR)' '$(DESTDIR)$(PKGCONFDIR)' \
	  -depth -type d -empty -delete 2>/dev/null || true

.PHONY: html
html: $(HTML)
$(BUILD)/docs/%.html: docs/%
	@mkdir -p $(@D)
	$(call say,HTML,$@)
	$(Q)cd docs && mandoc -Thtml -Ios=windsock \
	  -Otoc,man='./%N.%S.html;https://manpages.debian.org/%N.%S' $* > $(abspath $@)
