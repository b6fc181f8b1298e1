# SPDX-License-Identifier: Apache-2.0
# What a release is made of: make dist, make release-notes.

# The committed tree; the same bytes wherever it is made.
TREE ?= HEAD
TARBALL := windsock-$(VERSION).tar
.PHONY: dist release-notes
dist:
	@mkdir -p $(BUILD)
	$(Q)git diff --quiet $(TREE) || echo 'dist: what is not committed is not in it' >&2
	$(Q)git -c tar.umask=022 -c core.autocrlf=false archive --format=tar \
	  --prefix=windsock-$(VERSION)/ -o $(BUILD)/$(TARBALL) $(TREE)
	$(Q)cd $(BUILD) && gzip -9nkf $(TARBALL) && xz -6kf -T1 $(TARBALL) && rm $(TARBALL) && \
	  sha256sum $(TARBALL).gz $(TARBALL).xz > windsock-$(VERSION).sha256
	$(Q)cat $(BUILD)/windsock-$(VERSION).sha256

# make release-notes VERSION=Unreleased shows what the next ones would be.
release-notes:
	$(Q)python3 packaging/release/notes.py $(VERSION)
