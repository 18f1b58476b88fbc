# packaging.mk - what surrounds the programs on a system, and packages of all of it.
#
#   make install-system   units, users' list, completion (DESTDIR, UNITDIR, SYSUSERSDIR)
#   make deb | rpm        packages, in build/packages; deb TESTS=1: with the unit tests
#   make check-packages   builds, lints, installs them in a tree of its own (root; network)

UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

PACKAGES = $(abspath $(B))/packages
SOURCE_NAME = penguinmails-$(VERSION)
# Files have the time of the last entry of the changelog, so that builds agree with each other.
SOURCE_TIME = $$(sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)

# A package's build gets its flags from the distribution, not from our own command line.
CLEAN_ENV = -u MAKEFLAGS -u MAKELEVEL -u B -u CC -u CPPFLAGS -u CFLAGS -u LDFLAGS

# "make check" is the test; a distribution that builds the package runs the unit tests.
NOCHECK = $(if $(TESTS),,nocheck)

units: $(UNITS)

install-system: all
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(COMPLETIONDIR)
	for f in packaging/systemd/*; do \
		to=$(DESTDIR)$(UNITDIR)/$${f##*/}; \
		sed 's,/usr/sbin/,$(SBINDIR)/,g' "$$f" >"$$to" && chmod 644 "$$to" || exit 1; \
	done
	install -m 644 packaging/sysusers/penguinmails.conf $(DESTDIR)$(SYSUSERSDIR)
	$(B)/penguinctl --completion bash >$(DESTDIR)$(COMPLETIONDIR)/penguinctl
	chmod 644 $(DESTDIR)$(COMPLETIONDIR)/penguinctl

# The tree as a source archive: what git knows, or all of an unpacked archive but what was built.
# In $(B)/$(1) then: $(SOURCE_NAME)/ and the archive $(2).
define source_copy
	rm -rf $(B)/$(1)
	mkdir -p $(B)/$(1)/$(SOURCE_NAME) $(PACKAGES)
	if git rev-parse --git-dir >/dev/null 2>&1; then \
		git ls-files -z --cached --others --exclude-standard; \
	else \
		find . -name __pycache__ -prune -o -path ./build -prune -o -type f -print0; \
	fi | while IFS= read -r -d '' f; do \
		[ ! -e "$$f" ] || printf '%s\0' "$$f"; \
	done | tar --null --no-recursion -T - -cf - | tar -xf - -C $(B)/$(1)/$(SOURCE_NAME)
	tar -C $(B)/$(1) --sort=name --owner=0 --group=0 --numeric-owner \
		--mtime="$(SOURCE_TIME)" -cJf $(B)/$(1)/$(2) $(SOURCE_NAME)
endef

deb: SHELL = /bin/bash
deb:
	@tests/tools/need-packages package
	$(call source_copy,deb,penguinmails_$(VERSION).orig.tar.xz)
	cp -R packaging/debian $(B)/deb/$(SOURCE_NAME)/debian
	cd $(B)/deb/$(SOURCE_NAME) && env $(CLEAN_ENV) \
		DEB_BUILD_OPTIONS='$(NOCHECK) parallel=2' DEB_BUILD_PROFILES='$(NOCHECK)' \
		dpkg-buildpackage -us -uc
	rm -f $(PACKAGES)/penguinmails*_$(VERSION)*
	mv $(B)/deb/penguinmails*_$(VERSION)* $(PACKAGES)
	@ls $(PACKAGES)/*.deb

# On Debian this proves the spec, it does not make a product: the libraries have other sonames
# there than on Fedora and EL. Build real ones with mock.
rpm: SHELL = /bin/bash
rpm:
	@tests/tools/need-packages package
	$(call source_copy,rpm,$(SOURCE_NAME).tar.xz)
	cp packaging/sysusers/penguinmails.conf $(B)/rpm/penguinmails.sysusers
	env $(CLEAN_ENV) rpmbuild -ba \
		$(if $(wildcard /etc/debian_version),--nodeps \
		--load=packaging/rpm/macros.debian --define '_sharedstatedir /var/lib') \
		--define '_topdir $(abspath $(B))/rpm' --define '_sourcedir $(abspath $(B))/rpm' \
		packaging/rpm/penguinmails.spec
	rm -f $(PACKAGES)/*.rpm
	mv $(B)/rpm/RPMS/*/*.rpm $(B)/rpm/SRPMS/*.rpm $(PACKAGES)
	@ls $(PACKAGES)/*.rpm

check-packages:
	@tests/tools/need-packages package
	@$(MAKE) --no-print-directory deb rpm $(B)/tools/print_settings
	@$(TEST_ENV) PENGUIN_PACKAGES=$(PACKAGES) tests/package/run

.PHONY: units install-system deb rpm check-packages
