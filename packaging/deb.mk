# SPDX-License-Identifier: Apache-2.0
# make deb: Debian packages of the committed tree (TREE), in build/deb.

DEBS := $(BUILD)/deb
DEB_SOURCE = $(DEBS)/windsock-$(VERSION)
DEB_ORIG = $(DEBS)/windsock_$(VERSION).orig.tar.gz
# Variables of this make do not apply to the one in debian/rules, except DEB_BUILD_OPTIONS.
UNTOLD = env $(foreach v,MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS \
  $(foreach o,$(filter-out DEB_%,$(MAKEOVERRIDES)),$(firstword $(subst =, ,$(o)))),-u $(v))

# A version without an entry in packaging/deb/changelog gets one, dated by the commit.
DEB_ENTRY = cd $(DEB_SOURCE)/debian; grep -q '^windsock ($(VERSION)-' changelog || { { \
  printf 'windsock (%s-1) UNRELEASED; urgency=medium\n\n  * Development version.\n\n' $(VERSION); \
  printf ' -- %s  %s\n\n' "$$(sed -n 's/^Maintainer: //p' control)" \
    "$$(LC_ALL=C date -uRd @$$(sed -n 's/^[0-9a-f]* //p' ../packaging/release/revision))"; \
  cat changelog; } >new && mv new changelog; }

.PHONY: deb
deb: dist
	$(Q)$(call need,build test deb)
	$(Q)rm -rf $(DEBS) && mkdir -p $(DEBS)
	$(Q)cp $(BUILD)/$(TARBALL).gz $(DEB_ORIG)
	$(Q)umask 022 && tar -C $(DEBS) -xf $(DEB_ORIG) && \
	  cp -R $(DEB_SOURCE)/packaging/deb $(DEB_SOURCE)/debian
	$(Q)$(DEB_ENTRY)
	$(call say,DEB,$(DEBS))
	$(Q)cd $(DEB_SOURCE) && { $(UNTOLD) dpkg-buildpackage -us -uc >../windsock.build 2>&1 || \
	  { tail -n 50 ../windsock.build; exit 1; }; }
	$(Q)rm -rf $(DEB_SOURCE)
	@ls $(DEBS)/*.deb
