# SPDX-License-Identifier: Apache-2.0
# For releases: make dist, make release-notes, make sbom, make rpm.

# The committed tree; byte-for-byte reproducible.
TREE ?= HEAD
TARBALL := windsock-$(VERSION).tar
.PHONY: dist release-notes
dist:
	@mkdir -p $(BUILD)
	$(Q)git diff --quiet $(TREE) || echo 'dist: uncommitted changes are not included' >&2
	$(Q)git -c tar.umask=022 -c core.autocrlf=false archive --format=tar \
	  --prefix=windsock-$(VERSION)/ -o $(BUILD)/$(TARBALL) $(TREE)
	$(Q)cd $(BUILD) && gzip -9nkf $(TARBALL) && xz -6kf -T1 $(TARBALL) && rm $(TARBALL) && \
	  chmod 644 $(TARBALL).gz $(TARBALL).xz && \
	  sha256sum $(TARBALL).gz $(TARBALL).xz > windsock-$(VERSION).sha256
	$(Q)cat $(BUILD)/windsock-$(VERSION).sha256

# make release-notes VERSION=Unreleased shows the notes of the next release so far.
release-notes:
	$(Q)python3 packaging/release/notes.py $(VERSION)

# The contents of build/windsock and the libraries it links, as SPDX 2.3.
SBOM := $(BUILD)/windsock.spdx.json
.PHONY: sbom
sbom: $(BUILD)/windsock
	$(Q)python3 packaging/release/sbom.py $(BUILD) $(VERSION) $(COMMIT) $(CC) -std=c11 \
	  -D_GNU_SOURCE -Iinclude -Isrc $(PKG_CFLAGS) >$(SBOM).new && mv $(SBOM).new $(SBOM)
	@echo $(SBOM)

# -ta uses the spec in the tarball.  If rpm is not installed as an rpm package, it is Debian's, and
# does not know which packages are installed.
RPMS := $(BUILD)/rpm
RPM_FOREIGN := --nodeps --load packaging/rpm/debian.macros
.PHONY: rpm
rpm: dist
	$(Q)$(call need,build test rpm)
	$(Q)rm -rf $(RPMS) && mkdir -p $(RPMS)
	$(call say,RPM,$(RPMS))
	$(Q)umask 022; $(UNTOLD) \
	  SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct $(TREE)) \
	  rpmbuild $$(rpm -q rpm >/dev/null 2>&1 || echo $(RPM_FOREIGN)) $(RPMFLAGS) \
	  -D '_topdir $(abspath $(RPMS))/top' -D '_rpmdir $(abspath $(RPMS))' \
	  -D '_srcrpmdir $(abspath $(RPMS))' -D '_buildhost localhost' \
	  -D '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
	  -D 'use_source_date_epoch_as_buildtime 1' -D 'clamp_mtime_to_source_date_epoch 1' \
	  -ta $(BUILD)/$(TARBALL).gz >$(RPMS)/windsock.build 2>&1 || \
	  { tail -n 50 $(RPMS)/windsock.build; exit 1; }
	$(Q)rm -rf $(RPMS)/top
	@ls $(RPMS)/*.rpm
